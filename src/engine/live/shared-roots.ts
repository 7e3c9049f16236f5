import type { HostPath } from '../../base/brand.ts';

/** The root of a stopped machine, mounted; whoever opened it holds the machine. */
export interface OpenedRoot extends AsyncDisposable {
  readonly path: HostPath;
  /** Somebody wants the machine itself: who stays long must go, and nobody new may come. */
  readonly recalled: AbortSignal;
}

interface Shared {
  readonly opening: Promise<OpenedRoot | undefined>;
  users: number;
}

/** Roots of stopped machines, each mounted once for all who access its files at the same time. */
export class SharedRoots {
  readonly #shared = new Map<string, Shared>();

  /**
   * Joins who is there already, or is the first and has `open` called; the last one out closes it.
   * Undefined when `open` finds that the machine runs.
   */
  async join(
    name: string,
    open: () => Promise<OpenedRoot | undefined>,
  ): Promise<OpenedRoot | undefined> {
    const shared = this.#shared.get(name) ?? this.#begin(name, open);
    shared.users += 1;
    const leave = async (): Promise<void> => {
      shared.users -= 1;
      if (shared.users > 0) return;
      this.#forget(name, shared);
      await (await shared.opening)?.[Symbol.asyncDispose]();
    };
    try {
      const root = await shared.opening;
      if (root !== undefined) return { ...root, [Symbol.asyncDispose]: leave };
    } catch (error) {
      this.#forget(name, shared);
      throw error;
    }
    this.#forget(name, shared);
    return undefined;
  }

  #begin(name: string, open: () => Promise<OpenedRoot | undefined>): Shared {
    const forget = (): void => {
      this.#forget(name, shared);
    };
    const opening = open().then((root) => {
      if (root?.recalled.aborted === true) forget();
      else root?.recalled.addEventListener('abort', forget);
      return root;
    });
    const shared: Shared = { opening, users: 0 };
    this.#shared.set(name, shared);
    return shared;
  }

  #forget(name: string, shared: Shared): void {
    if (this.#shared.get(name) === shared) this.#shared.delete(name);
  }
}
