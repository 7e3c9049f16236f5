import { isatty } from 'node:tty';

import { leadingGlobals } from './command-line.ts';
import { findCommand, type Found } from './registry.ts';
import { readVersion } from './version.ts';
import { writeTo, type OutputFd } from './write.ts';

import type { Look } from './render/look.ts';

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
    exitCode = await runLine(words, binDir, lookOf(1));
  } catch (error) {
    const { describeFailures, formatFailure } = await import('./failure.ts');
    const failures = describeFailures(error, words);
    exitCode = failures[0]?.exitCode ?? 1;
    const look = lookOf(2);
    const text = failures.map((failure) => formatFailure(failure, look)).join('');
    // Where standard error takes nothing, the exit code still tells.
    await writeTo(2, text).catch(() => undefined);
    if (words.includes('--debug') && error instanceof Error) {
      await writeTo(2, `${error.stack ?? ''}\n`);
    }
  }
  process.exit(exitCode);
}

async function runLine(words: readonly string[], binDir: string, look: Look): Promise<number> {
  const globals = leadingGlobals(words);
  const left = words.slice(globals.length);
  if (globals.includes('--version')) {
    await writeTo(1, `${readVersion(binDir)}\n`);
    return 0;
  }
  if (left.length === 0 || globals.includes('--help') || globals.includes('-h')) {
    const { formatOverview } = await import('./help.ts');
    await writeTo(1, await formatOverview(look));
    return 0;
  }
  const found = await findOrExpand(left);
  if (found.kind === 'group') {
    const { formatGroup } = await import('./help.ts');
    await writeTo(1, await formatGroup(found.name, look));
    return 0;
  }
  const { runCommand } = await import('./run.ts');
  return await runCommand(found.name, [...globals, ...found.words], binDir, look);
}

/**
 * A command, or what an alias of the user stands for. Aliases are looked at only when there is no
 * such command.
 */
async function findOrExpand(words: readonly string[]): Promise<Found> {
  try {
    return findCommand(words);
  } catch (error) {
    const { expandAlias, aliasFile, readAliases } = await import('./aliases.ts');
    const { userPaths } = await import('./create-context.ts');
    const expanded = expandAlias(await readAliases(aliasFile(userPaths(process.env))), words);
    if (expanded === undefined) throw error;
    return findCommand(expanded);
  }
}

function lookOf(fd: OutputFd): Look {
  const { NO_COLOR: noColor = '', TERM: term } = process.env;
  const isTerminal = isatty(fd);
  return {
    color: isTerminal && noColor === '' && term !== 'dumb',
    width: isTerminal ? (fd === 1 ? process.stdout : process.stderr).columns : undefined,
    now: Date.now(),
  };
}
