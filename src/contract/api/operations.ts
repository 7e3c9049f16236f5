import type { ErrorCode } from '../errors.ts';
import type { StatusName } from './envelope.ts';

/** `GET /1.0/operations/<id>`. */
export interface Operation {
  readonly id: string;
  readonly class: 'task' | 'websocket' | 'token';
  readonly description: string;
  /** RFC 3339. */
  readonly created_at: string;
  readonly updated_at: string;
  readonly status: StatusName;
  readonly status_code: number;
  /** Kind → URLs, such as `instances` → `/1.0/instances/web`. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
  /**
   * A map even while running: pylxd looks for `return` in it. Keys ending in `_progress` are
   * strings.
   */
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly may_cancel: boolean;
  readonly err: string;
  readonly location: 'none';
  /** warren's own: the catalogue's code, details and hint of a failed operation. */
  readonly warren_error?: {
    readonly code: ErrorCode;
    readonly details: unknown;
    readonly hint?: string | undefined;
  };
}
