import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { openDaemon, type TestDaemon } from '../fakes/daemon.ts';
import { cli, runProgram, type CommandOptions, type CommandResult } from './warren.ts';

/** The program as it is built, against the real server on fakes, with an image `base`. */
export interface CommandLine extends AsyncDisposable {
  readonly daemon: TestDaemon;
  /** A directory for what commands read and write. */
  readonly place: string;
  run(words: readonly string[], options?: CommandOptions): Promise<CommandResult>;
}

export async function openCommandLine(): Promise<CommandLine> {
  const daemon = await openDaemon();
  const place = mkdtempSync(join(tmpdir(), 'cli-'));
  const run: CommandLine['run'] = (words, options = {}) =>
    runProgram(process.execPath, [cli, ...words], {
      ...options,
      env: { WARREN_DIR: daemon.dir, ...options.env },
    });
  const file = join(place, 'image');
  writeFileSync(file, 'an image');
  const { exitCode, stderr } = await run(['image', 'import', file, '--alias', 'base']);
  if (exitCode !== 0) throw new Error(stderr);
  return {
    daemon,
    place,
    run,
    [Symbol.asyncDispose]: async () => {
      await daemon[Symbol.asyncDispose]();
      rmSync(place, { recursive: true });
    },
  };
}
