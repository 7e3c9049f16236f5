import { findCommand } from './registry.ts';
import { readVersion } from './version.ts';
import { write } from './write.ts';

import type { Look } from './render/look.ts';
import type { Writable } from 'node:stream';

export interface MainInput {
  /** Words after the program's name. */
  readonly words: readonly string[];
  /** Directory of the bin files: `warren-host.js` lies beside this program. */
  readonly binDir: string;
}

/** Runs one command line and ends the process with its exit code. Never rejects. */
export async function main({ words, binDir }: MainInput): Promise<never> {
  let exitCode: number;
  try {
    exitCode = await runLine(words, binDir, lookOf(process.stdout));
  } catch (error) {
    const { describeFailures, formatFailure } = await import('./failure.ts');
    const failures = describeFailures(error, words);
    exitCode = failures[0]?.exitCode ?? 1;
    const look = lookOf(process.stderr);
    for (const failure of failures) await write(process.stderr, formatFailure(failure, look));
    if (words.includes('--debug') && error instanceof Error) {
      await write(process.stderr, `${error.stack ?? ''}\n`);
    }
  }
  await write(process.stdout, '');
  process.exit(exitCode);
}

async function runLine(words: readonly string[], binDir: string, look: Look): Promise<number> {
  const globals = leadingGlobals(words);
  const left = words.slice(globals.length);
  if (globals.includes('--version')) {
    await write(process.stdout, `${readVersion(binDir)}\n`);
    return 0;
  }
  if (left.length === 0 || globals.includes('--help') || globals.includes('-h')) {
    const { formatOverview } = await import('./help.ts');
    await write(process.stdout, await formatOverview(look));
    return 0;
  }
  const found = findCommand(left);
  if (found.kind === 'group') {
    const { formatGroup } = await import('./help.ts');
    await write(process.stdout, await formatGroup(found.name, look));
    return 0;
  }
  const { runCommand } = await import('./run.ts');
  return await runCommand(found.name, [...globals, ...found.words], binDir, look);
}

/** Options before the command's name: `warren --debug list`. */
function leadingGlobals(words: readonly string[]): readonly string[] {
  const end = words.findIndex((word) => !/^(--(debug|quiet|help|version)|-[hq])$/.test(word));
  return end === -1 ? words : words.slice(0, end);
}

function lookOf(stream: Writable & { readonly isTTY?: boolean; readonly columns?: number }): Look {
  const { NO_COLOR: noColor = '', TERM: term } = process.env;
  const isTerminal = stream.isTTY === true;
  return {
    color: isTerminal && noColor === '' && term !== 'dumb',
    width: isTerminal ? stream.columns : undefined,
    now: Date.now(),
  };
}
