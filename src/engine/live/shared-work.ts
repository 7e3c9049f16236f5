import { WarrenError } from '../../contract/errors.ts';
import type { Progress, WorkContext } from '../../image/types.ts';

interface Running<T> {
  readonly result: Promise<T>;
  readonly controller: AbortController;
  readonly listeners: Set<(progress: Progress) => void>;
  latest: Progress | undefined;
  waiting: number;
}

/**
 * Work that several ask for at the same time and that is done once: everybody sees the progress,
 * and it is aborted only when the last of them has gone, who then waits until it has cleaned up.
 * Whoever asks after that begins it anew.
 */
export class SharedWork<T> {
  readonly #running = new Map<string, Running<T>>();

  async run(
    key: string,
    context: WorkContext,
    work: (context: WorkContext) => Promise<T>,
  ): Promise<T> {
    const running = this.#running.get(key) ?? this.#begin(key, work);
    running.waiting += 1;
    running.listeners.add(context.progress);
    if (running.latest !== undefined) context.progress(running.latest);
    let onAbort = (): void => undefined;
    const gone = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(new WarrenError('cancelled', { what: key }));
      };
      if (context.signal.aborted) onAbort();
      else context.signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([running.result, gone]);
    } finally {
      context.signal.removeEventListener('abort', onAbort);
      running.listeners.delete(context.progress);
      running.waiting -= 1;
      if (running.waiting === 0) await this.#abandon(key, running);
    }
  }

  /** Nothing is left to abort of work that is done. */
  async #abandon(key: string, running: Running<T>): Promise<void> {
    this.#forget(key, running);
    running.controller.abort();
    await running.result.catch(() => undefined);
  }

  #forget(key: string, running: Running<T>): void {
    if (this.#running.get(key) === running) this.#running.delete(key);
  }

  #begin(key: string, work: (context: WorkContext) => Promise<T>): Running<T> {
    const controller = new AbortController();
    const listeners = new Set<(progress: Progress) => void>();
    const progress = (value: Progress): void => {
      running.latest = value;
      for (const listener of listeners) listener(value);
    };
    const running: Running<T> = {
      result: Promise.resolve()
        .then(() => work({ signal: controller.signal, progress }))
        .finally(() => {
          this.#forget(key, running);
        }),
      controller,
      listeners,
      latest: undefined,
      waiting: 0,
    };
    this.#running.set(key, running);
    return running;
  }
}
