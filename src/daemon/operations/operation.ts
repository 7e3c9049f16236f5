import { randomUUID } from 'node:crypto';

import { statusCodes } from '../../contract/api/envelope.ts';
import { WarrenError } from '../../contract/errors.ts';
import { inWordsOf } from '../http/own-words.ts';
import { currentProject } from '../http/project.ts';

import type { StatusName } from '../../contract/api/envelope.ts';
import type { Operation } from '../../contract/api/operations.ts';
import type { Progress } from '../../engine/types.ts';
import type { OperationSockets } from './sockets.ts';

/** What the work of an operation is given. */
export interface OperationWork {
  readonly id: string;
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
  /** Merges keys into the operation's metadata and tells whoever listens. */
  readonly update: (metadata: Readonly<Record<string, unknown>>) => void;
}

export interface OperationSpec {
  readonly class?: 'task' | 'websocket';
  /** Such as `Starting instance`. */
  readonly description: string;
  /** Kind → names (encoded) below `/1.0/KIND/`, or whole URLs. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
  readonly cancellable?: boolean;
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly sockets?: OperationSockets;
  /** What it returns is merged into the metadata before the operation is told to have succeeded. */
  readonly work: (work: OperationWork) => Promise<Readonly<Record<string, unknown>> | undefined>;
}

/** Shortest time between two progress events of one operation. */
const progressIntervalMs = 100;

/** One piece of background work as clients see it. Made and started by the registry. */
export class RunningOperation {
  readonly id = randomUUID();
  /** Of the request that asked for it; clients listen to their own project. */
  readonly project = currentProject();
  readonly spec: OperationSpec;
  /** Resolves when the status is final, after every listener was told. Never rejects. */
  readonly finished: Promise<void>;
  readonly #abort = new AbortController();
  readonly #onChange: (operation: RunningOperation) => void;
  readonly #createdAt = new Date().toISOString();
  #updatedAt = this.#createdAt;
  #status: StatusName = 'Pending';
  #metadata: Record<string, unknown>;
  #failure: WarrenError | undefined;
  #resolve: () => void = () => undefined;
  #progressTimer: NodeJS.Timeout | undefined;
  #lastProgressMs = -Infinity;

  constructor(spec: OperationSpec, onChange: (operation: RunningOperation) => void) {
    this.spec = spec;
    this.#onChange = onChange;
    this.#metadata = { ...spec.metadata };
    this.finished = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /**
   * Runs the work to its end. `explain` turns what was thrown into a `WarrenError`. Never rejects.
   */
  async run(explain: (error: unknown) => WarrenError): Promise<void> {
    this.#onChange(this);
    this.#change('Running');
    try {
      const result = await this.spec.work({
        id: this.id,
        signal: this.#abort.signal,
        progress: (progress) => {
          this.#progress(progress);
        },
        update: (metadata) => {
          Object.assign(this.#metadata, metadata);
          this.#touch();
        },
      });
      Object.assign(this.#metadata, result);
      this.#end('Success');
    } catch (error) {
      this.#failure = explain(error);
      const aborted = this.#abort.signal.aborted && this.#failure.code === 'cancelled';
      this.#end(aborted ? 'Cancelled' : 'Failure');
    }
  }

  get status(): StatusName {
    return this.#status;
  }

  get isFinal(): boolean {
    return statusCodes[this.#status] >= 200;
  }

  get failure(): WarrenError | undefined {
    return this.#failure;
  }

  /**
   * Asks the work to give up. Throws `forbidden` when it cannot be, `not_found` when it has ended.
   */
  cancel(): void {
    if (this.isFinal) throw new WarrenError('not_found', { kind: 'operation', name: this.id });
    if (this.spec.cancellable !== true) {
      const why = `"${this.spec.description}" cannot be interrupted`;
      throw new WarrenError('forbidden', { what: `cancel the operation ${this.id}`, why });
    }
    this.abort();
  }

  /** As `cancel`, without asking: the daemon ends, or its client has gone. */
  abort(): void {
    if (this.isFinal || this.#abort.signal.aborted) return;
    this.#change('Cancelling');
    this.#abort.abort();
  }

  render(): Operation {
    const resources = Object.entries(this.spec.resources).map(([kind, names]) => [
      kind,
      names.map((name) => (name.startsWith('/') ? name : `/1.0/${kind}/${name}`)),
    ]);
    const failure = this.#failure;
    return {
      id: this.id,
      class: this.spec.class ?? 'task',
      description: this.spec.description,
      created_at: this.#createdAt,
      updated_at: this.#updatedAt,
      status: this.#status,
      status_code: statusCodes[this.#status],
      resources: Object.fromEntries(resources) as Operation['resources'],
      metadata: { ...this.#metadata },
      may_cancel: this.spec.cancellable === true && !this.isFinal,
      err: inWordsOf(this.project, failure?.message ?? ''),
      location: 'none',
      ...(failure === undefined
        ? {}
        : {
            warren_error: inWordsOf(this.project, {
              code: failure.code,
              details: failure.details,
              hint: failure.hint,
            }),
          }),
    };
  }

  #end(status: 'Success' | 'Failure' | 'Cancelled'): void {
    clearTimeout(this.#progressTimer);
    this.spec.sockets?.close();
    this.#change(status);
    this.#resolve();
  }

  #change(status: StatusName): void {
    this.#status = status;
    this.#touch();
  }

  #touch(): void {
    this.#updatedAt = new Date().toISOString();
    this.#onChange(this);
  }

  /** The last progress is always told, but not every one between. */
  #progress({ title, stage, percent }: Progress): void {
    if (this.isFinal) return;
    const rounded = percent === undefined ? undefined : String(Math.round(percent));
    if (title !== undefined) this.#metadata['title'] = title;
    this.#metadata['progress'] = { stage, percent: rounded ?? '', speed: '' };
    this.#metadata['download_progress'] = rounded === undefined ? stage : `${stage}: ${rounded}%`;
    if (this.#progressTimer !== undefined) return;
    const wait = Math.max(0, this.#lastProgressMs + progressIntervalMs - performance.now());
    this.#progressTimer = setTimeout(() => {
      this.#progressTimer = undefined;
      this.#lastProgressMs = performance.now();
      if (!this.isFinal) this.#touch();
    }, wait);
  }
}
