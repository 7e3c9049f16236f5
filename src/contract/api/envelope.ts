import type { ErrorCode } from '../errors.ts';
import type { Operation } from './operations.ts';

/** LXD's status codes for operations and instances; final ones are 200 and above. */
export const statusCodes = {
  'Operation created': 100,
  Started: 101,
  Stopped: 102,
  Running: 103,
  Cancelling: 104,
  Pending: 105,
  Starting: 106,
  Stopping: 107,
  Aborting: 108,
  Freezing: 109,
  Frozen: 110,
  Thawed: 111,
  Error: 112,
  Ready: 113,
  Success: 200,
  Failure: 400,
  Cancelled: 401,
} as const;

export type StatusName = keyof typeof statusCodes;

export interface SyncResponse<T> {
  readonly type: 'sync';
  readonly status: 'Success';
  readonly status_code: 200;
  readonly operation: '';
  readonly error_code: 0;
  readonly error: '';
  readonly metadata: T;
}

export interface AsyncResponse {
  readonly type: 'async';
  readonly status: 'Operation created';
  readonly status_code: 100;
  /** Bare path of the operation, without a query: clients append `/wait` to it. */
  readonly operation: string;
  readonly error_code: 0;
  readonly error: '';
  readonly metadata: Operation;
}

export interface ErrorResponse {
  readonly type: 'error';
  readonly error: string;
  readonly error_code: number;
  readonly metadata: null;
  /**
   * warren's own additions, ignored by stock clients: the catalogue's code, its details and the
   * hint.
   */
  readonly warren?: {
    readonly code: ErrorCode;
    readonly details: unknown;
    readonly hint?: string | undefined;
  };
}

export type ApiResponse<T> = SyncResponse<T> | AsyncResponse | ErrorResponse;
