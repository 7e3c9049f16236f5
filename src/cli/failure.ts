import { existsSync } from 'node:fs';
import { dirname, posix } from 'node:path';

import { catalogue, causesOf, WarrenError, type ErrorDetails } from '../contract/errors.ts';
import { ServerError } from '../client/errors.ts';
import { inProject, quoteWords, readLine } from './command-line.ts';
import { paint, plain, type Look } from './render/look.ts';
import { findCommand } from './registry.ts';
import { UsageError } from './usage-error.ts';

/** An error as the command line tells it. */
export interface Failure {
  readonly message: string;
  /** The message as lines, where it has several causes. */
  readonly lines?: readonly string[];
  /** The command that helps. */
  readonly hint: string | undefined;
  readonly exitCode: number;
}

/** Several things may have failed at once: one failure for each. */
export function describeFailures(error: unknown, words: readonly string[]): readonly Failure[] {
  return error instanceof AggregateError
    ? error.errors.map((one) => describeFailure(one, words))
    : [describeFailure(error, words)];
}

/** `line` is the command line without the program, for a hint with its slip mended. */
export function describeFailure(error: unknown, line: readonly string[]): Failure {
  const { words, project } = readLine(line);
  const { hint, ...failure } = describe(error, words);
  return { ...failure, hint: hint === undefined ? undefined : inProject(project, hint) };
}

function describe(error: unknown, words: readonly string[]): Failure {
  if (error instanceof UsageError) {
    return { message: error.message, hint: error.hint ?? helpOf(words), exitCode: 2 };
  }
  if (isKnown(error)) {
    const lines = causesOf(error);
    return {
      message: error.message,
      ...(lines === undefined ? {} : { lines }),
      hint: mended(error, words) ?? error.hint ?? fallback(error, words),
      exitCode: catalogue[error.code].exit,
    };
  }
  if (error instanceof ServerError) {
    return { message: error.message, hint: undefined, exitCode: exitOfStatus(error.status) };
  }
  const system = describeSystemError(error, words);
  if (system !== undefined) return system;
  return {
    message: `This is a bug in warren: ${error instanceof Error ? error.message : String(error)}`,
    hint: `warren --debug ${quoteWords(words)}`,
    exitCode: 1,
  };
}

function isKnown(error: unknown): error is WarrenError {
  return error instanceof WarrenError;
}

/** `error: …` and `try:   …`, each on its line, with one line for each cause between them. */
export function formatFailure({ message, lines: causes, hint }: Failure, look: Look): string {
  const [first = message, ...more] = causes ?? [];
  const lines = [`${paint(look, 'red', 'error:')} ${plain(first)}`];
  lines.push(...more.map((line) => `       ${plain(line)}`));
  if (hint !== undefined) lines.push(`${paint(look, 'bold', 'try:')}   ${plain(hint)}`);
  return `${lines.join('\n')}\n`;
}

/**
 * The same command line with the nearest name in the place of the one that does not exist, or what
 * else it lacks.
 */
function mended(error: WarrenError, words: readonly string[]): string | undefined {
  const [group, verb, ...rest] = words;
  if (group === 'file' && verb === 'delete' && error.code === 'wrong_state') {
    return `warren file delete -r ${quoteWords(rest)}`;
  }
  if (error.code !== 'not_found') return undefined;
  const { kind, name, nearest } = error.details as { kind: string; name: string; nearest?: string };
  if (group === 'file' && kind === 'file') {
    const lacking = lackingParents(words);
    if (lacking !== undefined) return lacking;
  }
  // In `rename b1x b1` the nearest name, `b1`, is the other word of the command: it was not meant.
  if (nearest === undefined || !words.includes(name) || words.includes(nearest)) return undefined;
  return `warren ${quoteWords(words.map((word) => (word === name ? nearest : word)))}`;
}

/**
 * What makes files, with the option that makes the directories above them too; undefined when it
 * was given.
 */
function lackingParents([group = '', verb = '', ...rest]: readonly string[]): string | undefined {
  const options = { push: '--create-dirs', create: '--create-dirs', mkdir: '--parents' };
  const option = Object.entries(options).find(([name]) => name === verb)?.[1];
  return option === undefined || rest.includes('-p') || rest.includes(option)
    ? undefined
    : `warren ${group} ${verb} ${option} ${quoteWords(rest)}`;
}

/** The hint for errors that have none in the catalogue, which does not know what was typed. */
function fallback({ code, details }: WarrenError, words: readonly string[]): string | undefined {
  if (code === 'invalid') return topicOfGroup(details as ErrorDetails<'invalid'>, words);
  if (code === 'stale') return `warren ${quoteWords(words)}`;
  if (code === 'wrong_state') return towards(details as ErrorDetails<'wrong_state'>, words);
  if (code !== 'not_found' && code !== 'exists') return undefined;
  const { kind, name } = details as ErrorDetails<'exists'>;
  if (words[0] === 'file') return filesBeside(name, words);
  return kind === 'snapshot' ? snapshotsBeside(name, words) : undefined;
}

/**
 * The topic with the keys of what was to be changed, when a key is wrong; else the command's own
 * help.
 */
function topicOfGroup(
  { issues }: ErrorDetails<'invalid'>,
  words: readonly string[],
): string | undefined {
  const isKey = issues.some(({ path }) => path.startsWith('config.'));
  return isKey && words[0] === 'network' ? 'warren help networks' : helpOf(words);
}

/** What lies in the directory of a machine's file, as a command inside lists it. */
function filesBeside(name: string, words: readonly string[]): string | undefined {
  const typed = words.slice(2).find((word) => /^[^-/][^/]*\//.test(word));
  const [instance, ...rest] = (name.startsWith('/') ? typed : name)?.split('/') ?? [];
  if (instance === undefined) return undefined;
  const path = posix.normalize(name.startsWith('/') ? name : `/${rest.join('/')}`);
  return `warren exec ${quoteWords([instance, '--', 'ls', '-la', posix.dirname(path)])}`;
}

/** The list of the snapshots beside one, of the machine that was named with it. */
function snapshotsBeside(name: string, words: readonly string[]): string | undefined {
  if (words[0] === 'storage') return undefined;
  const at = words.findIndex((word) => word === name || word.endsWith(`/${name}`));
  // `web/s` names its machine itself, also where `web` and `s` were two words.
  const [instance = ''] = name.includes('/')
    ? name.split('/')
    : [words[at] === name ? words[at - 1] : words[at]?.slice(0, -name.length - 1)];
  return instance === '' ? undefined : `warren snapshot list ${quoteWords([instance])}`;
}

/** What brings a machine into the state that was wanted, or shows the one that it is in. */
function towards(
  { name, state, wanted }: ErrorDetails<'wrong_state'>,
  words: readonly string[],
): string | undefined {
  if (!words.some((word) => word === name || word.startsWith(`${name}/`))) return undefined;
  const [verb] = words;
  const next: Readonly<Record<string, string | undefined>> = {
    start: state === 'running' ? 'restart' : 'info',
    stop: 'info',
    unfreeze: 'info',
    resume: 'info',
  };
  const other = { running: 'start', stopped: 'stop' }[wanted];
  const command = next[verb ?? ''] ?? other;
  return command === undefined ? undefined : `warren ${command} ${quoteWords([name])}`;
}

/** The help of the command that the words begin with. */
function helpOf(words: readonly string[]): string | undefined {
  try {
    return `warren ${findCommand(words).name} --help`;
  } catch {
    return 'warren --help';
  }
}

const systemReasons: Readonly<Record<string, readonly [reason: string, exitCode: number]>> = {
  ENOENT: ['there is no such file', 4],
  EEXIST: ['it exists already', 5],
  ENOTDIR: ['a part of the path is no directory', 4],
  EISDIR: ['it is a directory', 3],
  EACCES: ['permission denied', 9],
  EPERM: ['not permitted', 9],
  ELOOP: ['it is a symbolic link, wanted a file', 14],
  ENOSPC: ['no space left on the device', 13],
  EDQUOT: ['the quota of the disk is used up', 13],
  EFBIG: ['it would be larger than files may be', 13],
  EROFS: ['the file system is read-only', 9],
  ENOTEMPTY: ['the directory is not empty', 6],
};

/** Failed file operations on the host: what a person typed, not a bug. */
function describeSystemError(error: unknown, words: readonly string[]): Failure | undefined {
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) return undefined;
  const [reason, exitCode] = systemReasons[code] ?? [code, 1];
  if (path === undefined) {
    // A descriptor has no path: what was written to standard output or to a file that had been
    // opened.
    return /write|truncate/.test(syscall ?? '') && code in systemReasons
      ? { message: `Cannot write the answer: ${reason}`, hint: 'df -h .', exitCode }
      : undefined;
  }
  const verb = { stat: 'find', lstat: 'find', scandir: 'list' }[syscall ?? ''] ?? syscall ?? 'use';
  const hint =
    code === 'ENOENT' &&
    words[1] === 'pull' &&
    !words.includes('-p') &&
    !words.includes('--create-dirs')
      ? `warren file pull --create-dirs ${quoteWords(words.slice(2))}`
      : quoteWords(code === 'ENOSPC' ? ['df', '-h', path] : ['ls', '-la', standing(dirname(path))]);
  return { message: `Cannot ${verb} ${path}: ${reason}`, hint, exitCode };
}

/** The directory itself, or the first one above it that is there. */
function standing(directory: string): string {
  return existsSync(directory) || directory === dirname(directory)
    ? directory
    : standing(dirname(directory));
}

function exitOfStatus(status: number): number {
  const rows = Object.values(catalogue);
  return status >= 400 && status < 500
    ? (rows.find((row) => row.status === status)?.exit ?? 3)
    : 17;
}
