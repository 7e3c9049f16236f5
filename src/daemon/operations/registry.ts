import { waitAtMost } from '../../base/wait.ts';
import { WarrenError } from '../../contract/errors.ts';
import { RunningOperation } from './operation.ts';

import type { Operation } from '../../contract/api/operations.ts';
import type { OperationSpec } from './operation.ts';

export interface OperationsDeps {
  /** Called at every change with the operation as clients see it. Must not throw. */
  readonly onChange: (operation: Operation, project: string) => void;
  /** Turns what work threw into a `WarrenError`, and logs a bug. */
  readonly explain: (error: unknown, operation: { id: string; what: string }) => WarrenError;
  /** How long a finished operation can still be asked for; LXD keeps it 5 s. */
  readonly keepMs?: number;
}

/** Background work that runs or has just ended. */
export class Operations {
  readonly #deps: OperationsDeps;
  readonly #operations = new Map<string, RunningOperation>();

  constructor(deps: OperationsDeps) {
    this.#deps = deps;
  }

  /** Starts work in the background. */
  start(spec: OperationSpec): RunningOperation {
    const operation = new RunningOperation(spec, (changed) => {
      this.#deps.onChange(changed.render(), changed.project);
    });
    this.#operations.set(operation.id, operation);
    void operation
      .run((error) => this.#deps.explain(error, { id: operation.id, what: spec.description }))
      .then(() => {
        const forget = setTimeout(() => {
          this.#operations.delete(operation.id);
        }, this.#deps.keepMs ?? 10_000);
        forget.unref();
      });
    return operation;
  }

  /** By id or its beginning. Throws `not_found`, `invalid` when several begin so. */
  get(id: string): RunningOperation {
    const exact = this.#operations.get(id);
    if (exact !== undefined) return exact;
    const [operation, other] = this.list().filter((each) => id !== '' && each.id.startsWith(id));
    if (operation === undefined)
      throw new WarrenError('not_found', { kind: 'operation', name: id });
    if (other === undefined) return operation;
    const problem = `several operations begin with ${id}, wanted more of the id`;
    const issues = [{ path: 'id', problem }];
    throw new WarrenError('invalid', { what: 'choose an operation', issues });
  }

  /** Oldest first. */
  list(): RunningOperation[] {
    return [...this.#operations.values()];
  }

  /**
   * Resolves with the operation when it is final or after `timeoutMs`; undefined waits for ever.
   */
  async wait(id: string, timeoutMs: number | undefined, signal?: AbortSignal): Promise<Operation> {
    const operation = this.get(id);
    if (!operation.isFinal) await waitAtMost(operation.finished, timeoutMs, signal);
    return operation.render();
  }

  /** Asks everything to end and waits for it, at most `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    const running = this.list().filter((operation) => !operation.isFinal);
    for (const operation of running) operation.abort();
    await waitAtMost(Promise.all(running.map(({ finished }) => finished)), timeoutMs);
  }
}
