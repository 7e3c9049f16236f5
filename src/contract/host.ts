import type { ErrorCode, ErrorDetails } from './errors.ts';

/** What `warren-host` does, as its first argument. */
export const hostVerbs = ['start', 'doctor', 'install', 'uninstall'] as const;
export type HostVerb = (typeof hostVerbs)[number];

/**
 * The last line of warren-host's standard error when it exits with anything but 0 for a reason that
 * it foresees; the reader makes a `WarrenError` of it again. Its exit code is that of the catalogue.
 */
export interface HostFailure<Code extends ErrorCode = ErrorCode> {
  readonly error: { readonly code: Code; readonly details: ErrorDetails<Code> };
}
