import { isRunning } from '../instances/state.ts';
import type { EngineDeps } from '../types.ts';

/**
 * Crash point: in start, between `crun create` and the row that says so; in stop, before runtime
 * state, root and console were let go. Whatever runs under a name without a run is killed.
 */
export async function removeStrayRuntime(deps: EngineDeps): Promise<void> {
  const records = deps.store.instances.list();
  // Those whose run has ended are concluded one by one later, with their exit.
  const kept = new Set(records.filter(({ run }) => run !== undefined).map(({ name }) => name));
  for (const name of await deps.runtime.list()) {
    if (kept.has(name)) continue;
    await tryTo(deps, name, 'remove runtime state', async () => {
      await deps.runtime.killAll(name, undefined);
      await deps.runtime.delete(name);
    });
  }
  const mounted = new Map(records.map((record) => [record.id, record]));
  for (const id of await deps.storage.listMountedRoots()) {
    const record = mounted.get(id);
    if (record?.run !== undefined) continue;
    await tryTo(deps, record?.name ?? `${id}`, 'unmount a root', () =>
      deps.storage.unmountRoot(id),
    );
  }
  const running = new Set(records.filter((record) => isRunning(deps, record)).map(({ id }) => id));
  for (const held of deps.keeper.names()) {
    const id = /^console(?:-keepalive)?:(\d+)$/.exec(held)?.[1];
    if (id === undefined || running.has(Number(id))) continue;
    await tryTo(deps, id, 'drop a console', () => deps.keeper.drop(held));
  }
}

async function tryTo(
  deps: EngineDeps,
  instance: string,
  what: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
    deps.log.info({ instance, what }, 'something left over was removed');
  } catch (error) {
    deps.log.warn({ err: error, instance, what }, 'something left over could not be removed');
  }
}
