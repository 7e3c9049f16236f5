import type { HostPath } from '../../base/brand.ts';

/**
 * The root of a stopped machine, mounted; whoever opened it holds the machine. Closing never fails.
 */
export interface OpenedRoot extends AsyncDisposable {
  readonly path: HostPath;
  /** Somebody wants the machine itself: who stays long must go, and nobody new may come. */
  readonly recalled: AbortSignal;
}

interface Shared {
  readonly opening: Promise<OpenedRoot | undefined>;
  users: number;
  /** Runs when the last user has left. */
  lingering: NodeJS.Timeout | undefined;
}

/**
 * A tree is read file by file, a request for each: mounting its root takes longer than one of them.
 */
const lingerMs = 500;

/**
 * Roots of stopped machines, each mounted once for all who access its files at about the same time.
 */
export class SharedRoots {
  readonly #shared = new Map<string, Shared>();

  /**
   * Joins who is there already, or is the first and has `open` called. Some time after the last one
   * is out it is closed, or at once when it is recalled. Undefined when `open` finds that the
   * machine runs.
   */
  async join(
    name: string,
    open: () => Promise<OpenedRoot | undefined>,
  ): Promise<OpenedRoot | undefined> {
    const shared = this.#shared.get(name) ?? this.#begin(name, open);
    shared.users += 1;
    clearTimeout(shared.lingering);
    try {
      const root = await shared.opening;
      if (root !== undefined) {
        return { ...root, [Symbol.asyncDispose]: () => this.#leave(name, shared, root) };
      }
    } catch (error) {
      this.#forget(name, shared);
      throw error;
    }
    this.#forget(name, shared);
    return undefined;
  }

  async #leave(name: string, shared: Shared, root: OpenedRoot): Promise<void> {
    shared.users -= 1;
    if (shared.users > 0) return;
    if (this.#shared.get(name) !== shared) {
      await root[Symbol.asyncDispose]();
      return;
    }
    shared.lingering = setTimeout(() => {
      this.#forget(name, shared);
      void root[Symbol.asyncDispose]();
    }, lingerMs);
  }

  #begin(name: string, open: () => Promise<OpenedRoot | undefined>): Shared {
    const opening = open().then((root) => {
      const onRecall = (): void => {
        if (!this.#forget(name, shared) || shared.users > 0) return;
        clearTimeout(shared.lingering);
        void root?.[Symbol.asyncDispose]();
      };
      if (root?.recalled.aborted === true) onRecall();
      else root?.recalled.addEventListener('abort', onRecall);
      return root;
    });
    const shared: Shared = { opening, users: 0, lingering: undefined };
    this.#shared.set(name, shared);
    return shared;
  }

  /** Nobody new can join. False when that was so already. */
  #forget(name: string, shared: Shared): boolean {
    return this.#shared.get(name) === shared && this.#shared.delete(name);
  }
}
