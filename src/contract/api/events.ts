/** A frame of `GET /1.0/events`. */
export interface Event {
  readonly type: 'operation' | 'lifecycle' | 'logging';
  /** RFC 3339. */
  readonly timestamp: string;
  readonly metadata: unknown;
  readonly location: 'none';
  readonly project: string;
}

export interface LifecycleMetadata {
  /** Such as `instance-started`. */
  readonly action: string;
  /** URL of what it happened to. */
  readonly source: string;
  readonly context: Readonly<Record<string, unknown>>;
}

export interface LoggingMetadata {
  readonly message: string;
  readonly level: 'debug' | 'info' | 'warning' | 'error';
  readonly context: Readonly<Record<string, string>>;
}
