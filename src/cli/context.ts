import type { Interrupts } from './interrupts.ts';
import type { Progress } from './progress.ts';
import type { Terminal } from './terminal.ts';
import type { Client } from '../client/client.ts';
import type { HostProgram } from '../client/daemon-start.ts';
import type { Paths } from '../contract/paths.ts';
import type { Readable, Writable } from 'node:stream';

/** What a command works with. Built once per run by `main`. */
export interface Context {
  readonly client: Client;
  readonly paths: Paths;
  /** What `--project` says, for commands that are proposed. */
  readonly project: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly terminal: Terminal;
  readonly progress: Progress;
  readonly host: HostProgram;
  version(): string;
  /** What ctrl-c does. */
  readonly interrupts: Interrupts;
  /** One line on stderr, unless `--quiet`. */
  warn(message: string): void;
  /** A line on stdout that is shown at once, for what comes bit by bit. */
  print(line: string): void;
  /** What the process ends with when nothing is thrown. */
  exitCode: number;
}
