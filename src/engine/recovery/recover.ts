import { removeStrayBackups } from '../backups/records.ts';
import { ensureDefaultNetwork } from '../networks/default.ts';
import { applyNetworks } from '../networks/bridges.ts';
import { loadShippedProfiles } from '../profiles/shipped.ts';
import type { EngineDeps } from '../types.ts';
import { removeStrayImageFiles } from './images.ts';
import { recoverInstances } from './instances.ts';
import { removeStrayLayers, removeStrayUppers } from './layers.ts';
import { adoptRunning } from './running.ts';
import { removeStrayRuntime } from './runtime.ts';
import { removeStrayVolumes } from './volumes.ts';

/**
 * Brings what is on disk, in the kernel and in the database to agree after any death: of a daemon,
 * of the keeper, of the host. Runs before the first request is served; idempotent. Throws only when
 * the database cannot be read; what cannot be mended is logged.
 *
 * The order matters: what runs is taken up first, so that nothing after it mistakes it for a stray;
 * frozen directories are put back before unknown layers are removed; machines that go release their
 * layers before unused ones are counted.
 */
export async function recover(deps: EngineDeps): Promise<void> {
  const steps: readonly (readonly [what: string, step: () => Promise<void>])[] = [
    ['take up running machines', () => adoptRunning(deps)],
    ['remove runtime state without a machine', () => removeStrayRuntime(deps)],
    ['put back unrecorded freezes and remove stray layers', () => removeStrayLayers(deps)],
    ['finish what was begun with machines', () => recoverInstances(deps)],
    ['remove directories without a machine', () => removeStrayUppers(deps)],
    ['remove directories without a volume', () => removeStrayVolumes(deps)],
    ['remove stray image files', () => removeStrayImageFiles(deps)],
    ['remove stray backups', () => removeStrayBackups(deps)],
    ['make the default network', () => ensureDefaultNetwork(deps)],
    ['load the shipped profiles', () => loadProfiles(deps)],
    ['bring up the networks', () => bringUpNetworks(deps)],
  ];
  for (const [what, step] of steps) {
    try {
      await step();
    } catch (error) {
      deps.log.error({ err: error, what }, `could not ${what}`);
    }
  }
}

async function loadProfiles(deps: EngineDeps): Promise<void> {
  const names = await loadShippedProfiles(deps, 'missing');
  if (names.length > 0) deps.log.info({ profiles: names }, 'shipped profiles loaded');
}

/**
 * Crash points: between a machine's end and the removal of its interface; any change of a network.
 */
async function bringUpNetworks(deps: EngineDeps): Promise<void> {
  await applyNetworks(deps);
  const running = deps.store.instances.list().filter(({ run }) => run !== undefined);
  await deps.networks.prune(running.map(({ name }) => name));
}
