import type { Logger } from 'pino';

import type { ServerEnvironment } from '../contract/api/server.ts';
import type { EngineDeps } from '../engine/types.ts';
import type { EventHub } from './events/hub.ts';
import type { Operations } from './operations/registry.ts';

/** What every route works with. Built once, in `main.ts`. */
export interface DaemonContext {
  readonly engine: EngineDeps;
  readonly operations: Operations;
  readonly events: EventHub;
  readonly log: Logger;
  /** Everything of `environment` in `GET /1.0` but what changes. */
  readonly environment: ServerEnvironment;
  readonly startedAt: string;
  readonly version: string;
  /** How the machines' ids are shared out and what the host offers, for `GET /1.0`. */
  readonly lifecycle: DaemonLifecycle;
}

/** What a request may ask of the process itself. */
export interface DaemonLifecycle {
  /**
   * Ends the daemon; machines go on running. `again`: the keeper starts the next one at once.
   * `keeper`: nothing runs any more, and the keeper ends as well.
   */
  leave(options: { readonly again: boolean; readonly keeper?: boolean }): void;
}
