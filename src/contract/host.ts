import { WarrenError, type ErrorCode } from './errors.ts';

/** What `warren-host` does, as its first argument. */
export type HostVerb = 'start' | 'stop' | 'doctor' | 'install' | 'uninstall';

/**
 * The last line of warren-host's standard error when it exits with anything but 0 for a reason that
 * it foresees; the reader makes a `WarrenError` of it again. Its exit code is that of the
 * catalogue.
 */
export interface HostFailure {
  readonly error: { readonly code: ErrorCode; readonly details: unknown };
}

/**
 * What is thrown while warren starts in `place`, as it crosses to another process: a full disk
 * becomes `no_space` and what nobody foresaw a `bug`.
 */
export function describeFailure(error: unknown, log: string, place: string): HostFailure {
  const known = foreseen(error, place) ?? new WarrenError('bug', { message: textOf(error), log });
  return { error: { code: known.code, details: known.details } };
}

function foreseen(error: unknown, place: string): WarrenError | undefined {
  if (error instanceof WarrenError) return error as WarrenError;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return undefined;
  return noSpaceToStart(place);
}

/** Without a daemon nothing of warren's can be deleted: the hint shows what fills the disk. */
export function noSpaceToStart(place: string): WarrenError<'no_space'> {
  return new WarrenError('no_space', {
    what: 'start warren',
    where: place,
    hint: `df -h ${place}`,
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * What the name of the user's transient unit ends in; that of an installed one is the same without
 * it.
 */
export const transientSuffix = '-transient';
