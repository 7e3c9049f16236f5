import type { GuestFiles } from '../../storage/types.ts';
import type { EngineDeps } from '../types.ts';
import { getInstance } from './list.ts';
import { finishRestore } from './restoring.ts';
import { isRunning } from './state.ts';

/**
 * Confined access to the files of a machine, running or stopped, for the time of `use`. A stopped
 * machine's root is mounted for it and unmounted afterwards; start and delete wait until then. The end of a run
 * ends what reads and writes: `cancelled`.
 */
export async function withInstanceFiles<T>(
  deps: EngineDeps,
  name: string,
  use: (files: GuestFiles) => Promise<T>,
): Promise<T> {
  const found = getInstance(deps, name);
  if (isRunning(deps, found)) {
    using transfer = deps.live.transfers.enter(found.id);
    const root = deps.storage.rootPath(found.id);
    using files = deps.storage.openFiles(root, found.slice, transfer.signal);
    return await use(files);
  }
  using _ = await deps.live.locks.wait(name);
  const record = getInstance(deps, name);
  const running = isRunning(deps, record);
  if (!running) await finishRestore(deps, record);
  const root = await deps.storage.mountRoot(record.id, record.layers);
  try {
    using files = deps.storage.openFiles(root, record.slice);
    return await use(files);
  } finally {
    // Death before this leaves a mount of a machine that does not run; recovery unmounts it.
    if (!running) await deps.storage.unmountRoot(record.id);
  }
}
