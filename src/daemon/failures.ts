import { catalogue, WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';

import type { Logger } from 'pino';

/** What a request is refused with because of this host and its settings: nothing is amiss. */
const refusals: ReadonlySet<string> = new Set(['unsupported', 'limit_unenforceable']);

/**
 * What a failure is called at the boundary: a `WarrenError` stays as it is, a full disk becomes
 * `no_space`, an abort `cancelled`, and everything else is a bug, which is logged with its stack
 * and told with the place of the log.
 */
export function asWarrenError(
  error: unknown,
  context: {
    readonly log: Logger;
    readonly logPath: string;
    readonly what: string;
    readonly operation?: string;
  },
): WarrenError {
  const { log, logPath, what, operation } = context;
  if (isForeseen(error)) {
    if (catalogue[error.code].status >= 500) {
      const { code, details, message, cause } = error;
      const level = refusals.has(code) ? 'info' : 'warn';
      const why = cause instanceof Error ? { cause: cause.message } : {};
      log[level]({ code, details, operation, ...why }, `${what}: ${message}`);
    }
    return error;
  }
  if (hasErrno(error, 'ENOSPC', 'EDQUOT')) {
    log.warn({ err: error, operation }, `${what}: no space left`);
    return new WarrenError('no_space', { what, where: placeOf(error) }, { cause: error });
  }
  if (error instanceof Error && error.name === 'AbortError') {
    return new WarrenError('cancelled', { what }, { cause: error });
  }
  log.error({ err: error, operation }, `bug: ${what}`);
  const message = error instanceof Error ? error.message : String(error);
  return new WarrenError('bug', { message, operation, log: logPath }, { cause: error });
}

export function isForeseen(error: unknown): error is WarrenError {
  return error instanceof WarrenError;
}

function placeOf(error: unknown): string {
  const known = typeof error === 'object' && error !== null && 'path' in error;
  return known && typeof error.path === 'string' ? error.path : 'the disk';
}
