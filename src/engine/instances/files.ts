import type { HostPath } from '../../base/brand.ts';
import type { ProcessIdentity } from '../../base/process-identity.ts';
import type { GuestFiles, OwnerRange } from '../../storage/types.ts';
import { Patience } from '../live/patience.ts';
import type { OpenedRoot } from '../live/shared-roots.ts';
import type { EngineDeps } from '../types.ts';
import { getInstance } from './list.ts';
import { finishRestore } from './restoring.ts';
import { isRunning } from './state.ts';

/**
 * How long a client may go on with a file of a stopped machine that somebody wants to start or
 * delete.
 */
const patienceMs = 20_000;

/** A machine's root for as long as it is used. */
export interface UsedRoot {
  readonly path: HostPath;
  readonly slice: OwnerRange;
  /** The init of a running machine. */
  readonly init: ProcessIdentity | undefined;
  /**
   * The machine's run has ended: nothing may use its files any more. Undefined for a stopped one.
   */
  readonly runEnded: AbortSignal | undefined;
  /** Somebody waits for the stopped machine itself: what takes long must end. */
  readonly recalled: AbortSignal | undefined;
}

/**
 * The root of a machine, running or stopped, for the time of `use`. A stopped machine's is mounted
 * for it, once for all who use it, and unmounted a moment afterwards; start and delete do not wait
 * for that moment.
 */
export async function withInstanceRoot<T>(
  deps: EngineDeps,
  name: string,
  use: (root: UsedRoot) => Promise<T>,
): Promise<T> {
  for (;;) {
    const record = getInstance(deps, name);
    const { id, slice } = record;
    if (isRunning(deps, record)) {
      using transfer = deps.live.transfers.enter(id);
      const path = deps.storage.rootPath(id);
      const init = record.run?.init;
      return await use({ path, slice, init, runEnded: transfer.signal, recalled: undefined });
    }
    await using root = await deps.live.roots.join(name, () => openStopped(deps, name));
    if (root === undefined) continue;
    const { path, recalled } = root;
    return await use({ path, slice, init: undefined, runEnded: undefined, recalled });
  }
}

/**
 * Confined access to the files of a machine, running or stopped, for the time of `use`: those of a
 * running one as it sees them, with its tmpfs and disks. The end of a run ends what reads and
 * writes: `cancelled`. So does, in a while, whoever wants to start or delete a stopped one.
 */
export async function withInstanceFiles<T>(
  deps: EngineDeps,
  name: string,
  use: (files: GuestFiles) => Promise<T>,
): Promise<T> {
  return await withInstanceRoot(deps, name, async ({ path, slice, init, runEnded, recalled }) => {
    const own = init === undefined ? undefined : deps.runtime.findRoot(init);
    using patience = new Patience(recalled, patienceMs);
    using files = deps.storage.openFiles(own ?? path, slice, runEnded ?? patience.over);
    return await use(files);
  });
}

/** Undefined when it runs. */
async function openStopped(deps: EngineDeps, name: string): Promise<OpenedRoot | undefined> {
  const loan = await deps.live.locks.lend(name);
  try {
    const record = getInstance(deps, name);
    if (isRunning(deps, record)) {
      loan[Symbol.dispose]();
      return undefined;
    }
    await finishRestore(deps, record);
    const path = await deps.storage.mountRoot(record.id, record.layers);
    return {
      path,
      recalled: loan.recalled,
      [Symbol.asyncDispose]: async () => {
        using _ = loan;
        // Death before this leaves a mount of a machine that does not run; recovery unmounts it.
        await deps.storage.unmountRoot(record.id).catch((error: unknown) => {
          deps.log.warn({ err: error, instance: name }, 'a root was not unmounted after its use');
        });
      },
    };
  } catch (error) {
    loan[Symbol.dispose]();
    throw error;
  }
}
