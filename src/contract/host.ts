import { WarrenError, type ErrorCode } from './errors.ts';

/** What `warren-host` does, as its first argument. */
export const hostVerbs = ['start', 'doctor', 'install', 'uninstall'] as const;
export type HostVerb = (typeof hostVerbs)[number];

/**
 * The last line of warren-host's standard error when it exits with anything but 0 for a reason that
 * it foresees; the reader makes a `WarrenError` of it again. Its exit code is that of the catalogue.
 */
export interface HostFailure {
  readonly error: { readonly code: ErrorCode; readonly details: unknown };
}

/** What is thrown, as it crosses to another process; what nobody foresaw becomes a `bug`. */
export function describeFailure(error: unknown, log: string): HostFailure {
  const known = (
    error instanceof WarrenError
      ? error
      : new WarrenError('bug', {
          message: error instanceof Error ? error.message : String(error),
          log,
        })
  ) as WarrenError;
  return { error: { code: known.code, details: known.details } };
}
