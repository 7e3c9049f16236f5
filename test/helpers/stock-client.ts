import { spawn } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  createReadStream,
  mkdtempSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';

import { setWindowSize } from '../../src/sys/kernel/tty.ts';
import { openPty } from '../fakes/pty.ts';
import { eventually, openWarren, runProgram } from './warren.ts';

import type { CommandOptions, CommandResult, Warren } from './warren.ts';

/** Where `test/conformance/coverage.mjs` reads what was run. */
const record = join(homedir(), 'conformance.jsonl');

/** The stock `lxc` on a warren that `warren lxc-setup` pointed it to. */
export interface StockClient extends AsyncDisposable {
  readonly warren: Warren;
  /** A directory for what commands read and write. */
  readonly place: string;
  /** LXD_DIR and LXD_CONF, for other programs as well. */
  readonly env: Readonly<Record<string, string>>;
  run(line: string, options?: CommandOptions): Promise<CommandResult>;
  /** Runs a line that must succeed; its standard output without the last line feed. */
  well(line: string, options?: CommandOptions): Promise<string>;
  /** Runs a line that must fail with exit code 1 and an error that says so. */
  badly(line: string, error: RegExp, options?: CommandOptions): Promise<void>;
  /** Runs a line on a terminal of its own. */
  onTerminal(line: string, env?: Readonly<Record<string, string>>): TerminalRun;
}

/** A program on a pty. */
export interface TerminalRun {
  /** Everything it printed so far, as a terminal gets it. */
  readonly output: string;
  type(text: string): void;
  resize(width: number, height: number): void;
  /** Resolves when the output has it; fails with the output after 20 s. */
  shows(what: RegExp): Promise<void>;
  /** Resolves when it has ended and all its output is there. */
  readonly exitCode: Promise<number>;
  kill(signal: NodeJS.Signals): void;
}

/** Opens a warren, started with `more` in its environment, and points the stock client to it. */
export async function openStockClient(
  more?: Readonly<Record<string, string>>,
): Promise<StockClient> {
  const warren = openWarren();
  const place = mkdtempSync(join(homedir(), 'lxc-'));
  const exports = await warren.ok(['lxc-setup'], more === undefined ? {} : { env: more });
  const env = Object.fromEntries(
    exports
      .trim()
      .split('\n')
      .map((text) => text.replace('export ', '').split('=') as [string, string]),
  );
  const run = async (line: string, options: CommandOptions = {}): Promise<CommandResult> => {
    const words = splitLine(line);
    // Through a pipe: the sockets that Node gives its children cannot be opened as /dev/stdin.
    const result = await runProgram('sh', ['-c', 'cat | lxc "$@"', 'lxc', ...words], {
      ...options,
      env: { ...env, ...options.env },
    });
    noteRun('lxc', words, result.exitCode);
    return result;
  };
  return {
    warren,
    place,
    env,
    run,
    well: async (line, options) => {
      const { exitCode, stdout, stderr } = await run(line, options);
      expect({ exitCode, stderr }, `lxc ${line}: ${stderr}`).toMatchObject({ exitCode: 0 });
      return withoutProgress(stdout).replace(/\n$/, '');
    },
    badly: async (line, error, options) => {
      const { exitCode, stderr, stdout } = await run(line, options);
      expect({ exitCode, stdout }, `lxc ${line}: ${stderr}`).toMatchObject({ exitCode: 1 });
      expect(stderr, `lxc ${line}`).toMatch(error);
    },
    onTerminal: (line, more = {}) => runOnTerminal(splitLine(line), { ...env, ...more }),
    [Symbol.asyncDispose]: async () => {
      await warren[Symbol.asyncDispose]();
      rmSync(place, { recursive: true, force: true });
    },
  };
}

function runOnTerminal(words: readonly string[], env: StockClient['env']): TerminalRun {
  const { masterFd, slaveFd } = openPty();
  setWindowSize(masterFd, { width: 80, height: 24 });
  const child = spawn('setsid', ['--ctty', '--wait', 'lxc', ...words], {
    env: { HOME: homedir(), PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
    stdio: [slaveFd, slaveFd, slaveFd],
  });
  closeSync(slaveFd);
  let output = '';
  const reader = createReadStream('', { fd: masterFd, autoClose: true });
  reader.setEncoding('utf8').on('data', (text) => (output += text.toString()));
  // EIO: nobody has the other side any more.
  reader.on('error', () => undefined);
  const read = new Promise<void>((resolve) => reader.once('close', resolve));
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => {
      noteRun('lxc', words, code ?? 1);
      resolve(code ?? -1);
    });
  });
  return {
    get output() {
      return output;
    },
    type: (text) => {
      writeSync(masterFd, text);
    },
    resize: (width, height) => {
      setWindowSize(masterFd, { width, height });
    },
    shows: (what) =>
      eventually(() => {
        expect(output).toMatch(what);
      }, 20_000),
    exitCode: ended.then(async (code) => {
      await read;
      return code;
    }),
    kill: (signal) => child.kill(signal),
  };
}

/** What stands on each line in the end: the client writes its progress over and over one line. */
function withoutProgress(text: string): string {
  return text.replaceAll(/^.*\r(?!$)/gm, '');
}

/** Words at spaces; `'…'` holds one together. */
export function splitLine(line: string): string[] {
  const words = line.match(/(?:'[^']*'|[^\s'])+/g) ?? [];
  return words.map((word) => word.replaceAll("'", ''));
}

/** Tells `coverage.mjs` of one run of a program. */
export function noteRun(program: string, words: readonly string[], exitCode: number): void {
  const { currentTestName = '' } = expect.getState();
  appendFileSync(
    record,
    `${JSON.stringify({ program, words, exitCode, test: currentTestName })}\n`,
  );
}
