import { catalogue, WarrenError, type ErrorCode, type ErrorDetails } from '../contract/errors.ts';

import type { ErrorResponse } from '../contract/api/envelope.ts';
import type { Operation } from '../contract/api/operations.ts';

/** What a server that is not warren says, or a failure for which the catalogue has no row here. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  /** HTTP status, or the status code of the operation. */
  readonly status: number;

  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

/**
 * The error of a response: a `WarrenError` as the daemon threw it, else a `ServerError` with its
 * sentence.
 */
export function errorOfResponse(response: ErrorResponse): Error {
  const { warren } = response;
  return (
    rebuild(warren?.code, warren?.details, response.error) ??
    new ServerError(response.error, response.error_code)
  );
}

/** The error of an operation that ended badly. */
export function errorOfOperation(operation: Operation): Error {
  const { warren_error: warren } = operation;
  if (operation.status_code === 401 && warren === undefined) {
    return new WarrenError('cancelled', { what: operation.description });
  }
  const rebuilt = rebuild(warren?.code, warren?.details, operation.err);
  return rebuilt ?? new ServerError(operation.err, operation.status_code);
}

/**
 * A `WarrenError` from the parts that crossed a process boundary; undefined when the code is none
 * of ours. A newer daemon may send details that our message cannot be made of: then its own
 * sentence stands.
 */
export function rebuild(code: unknown, details: unknown, sentence: string): Error | undefined {
  if (typeof code !== 'string' || !Object.hasOwn(catalogue, code)) return undefined;
  try {
    const known = code as ErrorCode;
    const error = new WarrenError(known, details as ErrorDetails<ErrorCode>);
    if (sentence !== '') error.message = sentence;
    return error;
  } catch {
    return undefined;
  }
}
