import { KeyedMutex } from '../base/mutex.ts';
import type { HostPath } from '../base/brand.ts';
import { Revert } from '../base/revert.ts';
import { diffTrees } from './diff.ts';
import { addPatches } from './patch.ts';
import { plainRoot } from './files/file-root.ts';
import { openGuestFiles } from './files/guest-files.ts';
import { machineRoot } from './files/machine-root.ts';
import { makeLayers } from './layers.ts';
import { lookAt } from './look.ts';
import { makeMetaTree } from './meta-tree.ts';
import { prepareMounts } from './mounts.ts';
import { makeShift, makeTreeShift } from './owners.ts';
import { contentPlace, ensureData } from './redirect.ts';
import { makeRoots, maxLayers } from './roots.ts';
import { detectTier } from './tiers.ts';
import { copyTree, removeTree, treeSizes } from './trees.ts';
import type { DiffSide, LayerId, MakeStorage, OwnerRange, Storage } from './types.ts';
import { thinTree } from './thin.ts';
import { makeUppers } from './uppers.ts';
import { makeViews } from './views.ts';
import { makeVolumes } from './volumes.ts';
import { walkTree } from './walk.ts';

/**
 * The layer store of one user. Must run in U0. It prepares the mount directory and finds out the
 * tier; it mounts and removes nothing that was there, which is recovery's work.
 */
export const makeStorage: MakeStorage = async ({ paths, log, tier: wanted }) => {
  await prepareMounts(paths);
  const { tier, problems } = await detectTier(paths, wanted);
  for (const problem of problems) log.info(problem, 'a storage tier does not work here');
  const layers = makeLayers(paths.layersDir, log);
  const uppers = makeUppers(paths.instancesDir, layers, log);
  const roots = makeRoots({ paths, log, tier, layers, uppers });
  const views = makeViews({ paths, log, tier, layers, uppers });
  const volumes = makeVolumes(paths.volumesDir, log);

  const dataLocks = new KeyedMutex();

  const shiftLayer = async (
    layer: LayerId,
    from: OwnerRange,
    to: OwnerRange,
    { signal }: { signal?: AbortSignal },
  ): Promise<LayerId> => {
    const kind = await layers.kindOf(layer);
    const shift = makeShift(from, to);
    if (tier === 'redirect' && kind.kind === 'plain') {
      using _ = await dataLocks.hold(layer);
      await ensureData(layers, layer, signal);
      await using staged = await layers.stage(undefined, { kind: 'meta', data: layer });
      const options = { shift, contentOf: contentPlace, signal };
      await makeMetaTree(layers.path(layer), staged.path, options);
      await staged.commit();
      return staged.id;
    }
    await using staged = await layers.stage(undefined, kind);
    await copyTree(layers.path(layer), staged.path, { signal });
    await walkTree(staged.path, { enter: makeTreeShift(shift) }, signal);
    await staged.commit();
    return staged.id;
  };

  const importTree: Storage['importTree'] = async (owner, base, fill, { signal }) => {
    // Without overlay mounts every machine is a whole tree anyhow.
    const below = tier === 'copy' ? [] : base;
    const kind = below.length === 0 ? 'plain' : 'delta';
    await using staged = await layers.stage(owner, { kind });
    await fill(staged.path);
    if (below.length > 0) {
      await using view = await views.mount(below);
      await thinTree(staged.path, view.path, signal);
    }
    await staged.commit();
    return [staged.id, ...below];
  };

  return {
    tier,
    tierProblems: problems,
    volumes,
    maxLayers: maxLayers(paths),

    stageLayer: (owner) => layers.stage(owner),
    removeLayer: (layer) => layers.remove(layer),
    listLayers: () => layers.list(),
    shiftLayer,
    importTree,
    flatten: async (owner, chain, { signal }) => {
      await using view = await views.mount(chain);
      const fill = (target: HostPath): Promise<void> => copyTree(view.path, target, { signal });
      return await importTree(owner, chain.slice(-1), fill, { ...(signal && { signal }) });
    },
    layerSize: async (layer) => (await treeSizes([layers.path(layer)]))[0] ?? 0,

    createUpper: (instanceId, owner, like) => uppers.create(instanceId, owner, like),
    removeUpper: (instanceId) => uppers.remove(instanceId),
    emptyUpper: (instanceId, owner, like) => uppers.empty(instanceId, owner, like),
    stagePlain: (instanceId, from, to, options) => uppers.stagePlain(instanceId, from, to, options),
    listUppers: () => uppers.list(),
    upperSizes: async (instanceIds) => {
      const sizes = await treeSizes(instanceIds.map((id) => uppers.upperPath(id)));
      return new Map(
        instanceIds.flatMap((id, index) => {
          const bytes = sizes[index];
          return bytes === undefined ? [] : [[id, bytes] as const];
        }),
      );
    },
    freezeUpper: async (instanceId, owner) => {
      roots.refuseHeld(instanceId, 'snapshot');
      return await uppers.freezes.freeze(instanceId, owner);
    },
    isUntouched: (instanceId, top) => {
      roots.refuseHeld(instanceId, 'copy');
      return uppers.isUntouched(instanceId, top);
    },
    keepFreeze: (instanceId) => uppers.freezes.forget(instanceId),
    undoFreeze: (instanceId, layer) => uppers.freezes.undo(instanceId, layer),
    copyUpper: (instanceId, options) => uppers.copy(instanceId, options),

    mountRoot: (instanceId, chain) => roots.mount(instanceId, chain),
    unmountRoot: (instanceId) => roots.unmount(instanceId),
    rootPath: (instanceId) => roots.path(instanceId),
    mountView: async (chain, upperOf) => {
      if (upperOf !== undefined) roots.refuseHeld(upperOf, 'read');
      return await views.mount(chain, upperOf);
    },
    diff: async (from, to, { patches, ...options }) => {
      await using undo = new Revert((what, error) => {
        log.warn({ err: error, what }, 'a comparison did not clean up after itself');
      });
      const rootOf = async ({ layers: chain, upperOf, isMounted }: DiffSide): Promise<string> => {
        if (upperOf !== undefined && isMounted === true) return roots.path(upperOf);
        if (upperOf !== undefined) roots.refuseHeld(upperOf, 'read');
        const view = await views.mount(chain, upperOf);
        undo.push('unmount a view', () => view[Symbol.asyncDispose]());
        return view.path;
      };
      const own = ownLayers(from.layers, to.layers);
      const kinds = await Promise.all(own.map((layer) => layers.kindOf(layer)));
      // These hold a root as a whole, or only a part of what it shows.
      const isPartial = tier === 'copy' || kinds.some(({ kind }) => kind === 'full');
      const uppersOf = [from, to].flatMap(({ upperOf }) => upperOf ?? []);
      const mounted = { from: await rootOf(from), to: await rootOf(to) };
      const changes = await diffTrees({
        ...mounted,
        layers: isPartial
          ? undefined
          : [...own.map((id) => layers.path(id)), ...uppersOf.map((id) => uppers.upperPath(id))],
        ...options,
      });
      return patches ? await addPatches(changes, { ...mounted, signal: options.signal }) : changes;
    },
    listMountedRoots: () => roots.list(),

    plainDirectory: (instanceId, name, owner) => uppers.plainDirectory(instanceId, name, owner),
    openFiles: (root, owner, signal) =>
      openGuestFiles(
        typeof root === 'string' ? plainRoot(root) : machineRoot(root),
        owner,
        paths.dataDir,
        signal,
      ),

    sweepStaging: async () => {
      await views.sweep();
      await layers.sweep();
      await uppers.sweep();
      await volumes.sweep();
    },
    undoUnrecordedFreezes: (known) => uppers.freezes.undoUnrecorded(known),
    close: (patienceMs) => layers.close(patienceMs),
    look: () => lookAt(paths, (path) => layers.isLeaving(path)),
    removeUnfinished: async (path) => {
      if (!/\.(?:part|gone)$/.test(path)) throw new Error(`${path} is not unfinished`);
      if (!layers.isLeaving(path)) await removeTree(path);
    },
  };
};

/** The layers that one chain has and the other has not, down to the first that both stand on. */
function ownLayers(one: readonly LayerId[], other: readonly LayerId[]): LayerId[] {
  let common = 0;
  while (
    common < one.length &&
    common < other.length &&
    one.at(-1 - common) === other.at(-1 - common)
  ) {
    common += 1;
  }
  return [...one.slice(0, one.length - common), ...other.slice(0, other.length - common)];
}
