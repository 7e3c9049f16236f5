import { statSync } from 'node:fs';
import { homedir } from 'node:os';
import { isatty } from 'node:tty';

import { Client } from '../client/client.ts';
import { startDaemon } from '../client/daemon-start.ts';
import { Transport } from '../client/transport.ts';
import { resolvePaths, type Paths } from '../contract/paths.ts';
import { readCurrentProject } from './current-project.ts';
import { Interrupts } from './interrupts.ts';
import { Progress } from './progress.ts';
import { Terminal } from './terminal.ts';
import { readVersion } from './version.ts';
import { write } from './write.ts';

import type { Writable } from 'node:stream';
import type { Context } from './context.ts';

export interface ContextInput {
  /** Directory of the bin files. */
  readonly binDir: string;
  readonly quiet: boolean;
  readonly debug: boolean;
  /** What `--project` says. */
  readonly project?: string | undefined;
}

/** What a command works with, on this process's streams. `close` lets the process end, once
 * all is written. */
export function createContext({ binDir, quiet, debug, project }: ContextInput): {
  readonly context: Context;
  readonly close: () => Promise<void>;
} {
  const { env } = process;
  const paths = userPaths(env);
  const host = { path: `${binDir}/warren-host.js` };
  const watched = isatty(2) && !quiet && env['TERM'] !== 'dumb';
  const progress = new Progress(() => process.stderr, watched);
  const say = (line: string): void => {
    progress.clear();
    process.stderr.write(`${line}\n`);
  };
  const transport = new Transport({
    socket: paths.socket,
    project: project ?? readCurrentProject(paths, env),
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
  const outputs = new Set<Writable>();
  const used = <Stream extends Writable>(stream: Stream): Stream => {
    outputs.add(stream);
    return stream;
  };
  const context: Context = {
    client,
    paths,
    project,
    env,
    // Node makes each of these streams when it is first asked for, which most commands never do.
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      return used(process.stdout);
    },
    get stderr() {
      return used(process.stderr);
    },
    terminal: new Terminal(),
    progress,
    interrupts,
    host,
    version: () => readVersion(binDir),
    warn,
    print: (line) => {
      used(process.stdout).write(`${line}\n`);
    },
    exitCode: 0,
  };
  const close = async (): Promise<void> => {
    progress.stop();
    interrupts[Symbol.dispose]();
    transport.close();
    for (const stream of outputs) await write(stream, '');
  };
  return { context, close };
}

/** Where everything of the user who runs this lies. */
export function userPaths(env: NodeJS.ProcessEnv): Paths {
  const uid = process.geteuid?.() ?? 0;
  const runUserDir = `/run/user/${uid}`;
  const isOurs = statSync(runUserDir, { throwIfNoEntry: false })?.uid === uid;
  return resolvePaths({
    env,
    home: homedir(),
    runUserDir: isOurs ? runUserDir : undefined,
  });
}
