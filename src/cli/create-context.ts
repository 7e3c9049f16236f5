import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';

import { Client } from '../client/client.ts';
import { startDaemon } from '../client/daemon-start.ts';
import { Transport } from '../client/transport.ts';
import { resolvePaths, type Paths } from '../contract/paths.ts';
import { Interrupts } from './interrupts.ts';
import { Progress } from './progress.ts';
import { Terminal } from './terminal.ts';

import type { Context } from './context.ts';

export interface ContextInput {
  /** Directory of the bin files. */
  readonly binDir: string;
  readonly quiet: boolean;
  readonly debug: boolean;
}

/** What a command works with, on this process's streams. `close` lets the process end. */
export function createContext({ binDir, quiet, debug }: ContextInput): {
  readonly context: Context;
  readonly close: () => void;
} {
  const { env, stderr, stdin, stdout } = process;
  const paths = userPaths(env);
  const host = { path: `${binDir}/warren-host.js` };
  const progress = new Progress(stderr, stderr.isTTY && !quiet && env['TERM'] !== 'dumb');
  const say = (line: string): void => {
    progress.clear();
    stderr.write(`${line}\n`);
  };
  const transport = new Transport({
    socket: paths.socket,
    startDaemon: () => startDaemon(host, paths.socket),
    trace: debug ? say : undefined,
  });
  const client = new Client({ transport, observer: progress });
  const warn = (message: string): void => {
    if (!quiet) say(`warning: ${message}`);
  };
  const interrupts = new Interrupts(
    async () => {
      const waiting = client.cancelAll();
      progress.clear();
      if (await waiting) warn('cancelling; ctrl-c again leaves it alone');
      return await waiting;
    },
    (code) => process.exit(code),
  );
  const context: Context = {
    client,
    paths,
    env,
    stdin,
    stdout,
    stderr,
    terminal: new Terminal(stdin, stdout),
    progress,
    interrupts,
    host,
    version: () => readVersion(binDir),
    warn,
    print: (line) => {
      stdout.write(`${line}\n`);
    },
    exitCode: 0,
  };
  const close = (): void => {
    progress.stop();
    interrupts[Symbol.dispose]();
    transport.close();
  };
  return { context, close };
}

function userPaths(env: NodeJS.ProcessEnv): Paths {
  const uid = process.geteuid?.() ?? 0;
  const runUserDir = `/run/user/${uid}`;
  const isOurs = statSync(runUserDir, { throwIfNoEntry: false })?.uid === uid;
  return resolvePaths({
    env,
    home: env['HOME'] ?? userInfo().homedir,
    runUserDir: isOurs ? runUserDir : undefined,
  });
}

/** From the package.json two directories above the bin files. */
export function readVersion(binDir: string): string {
  const text = readFileSync(`${binDir}/../../package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
