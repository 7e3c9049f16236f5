import { WarrenError } from '../contract/errors.ts';
import type { TreeKind } from './layers.ts';
import type { LayerId, StorageTier } from './types.ts';

export interface RootPlan {
  readonly method: 'kernel' | 'fuse' | 'copy' | 'bind';
  /** Top first; none for a machine made without an image. */
  readonly layers: readonly LayerId[];
  /** The layer whose data-only layer holds the contents of the bottom, a meta layer. */
  readonly data?: LayerId | undefined;
}

/** Decides how a root is put together, by the tier and by what made each part of it. */
export function planRoot(input: {
  readonly tier: StorageTier;
  readonly upper: TreeKind;
  readonly chain: readonly ({ readonly id: LayerId } & TreeKind)[];
  readonly instanceId: number;
}): RootPlan {
  const { tier, upper, chain, instanceId } = input;
  if (upper.kind === 'full') return { method: 'bind', layers: [] };
  const full = chain.findIndex(({ kind }) => kind === 'full');
  const used = full === -1 ? chain : chain.slice(0, full + 1);
  const ids = used.map(({ id }) => id);
  const bottom = used.at(-1);
  const data = bottom?.kind === 'meta' ? bottom.data : undefined;
  if (data !== undefined && tier !== 'redirect') {
    throw lacks(
      instanceId,
      'it was made with data-only overlay layers, which this kernel refuses',
      'the kernel that made it, or a later one',
      'uname -r',
    );
  }
  const fuseMade = upper.kind === 'fuse' || used.some(({ kind }) => kind === 'fuse');
  if (data !== undefined && fuseMade) {
    throw lacks(
      instanceId,
      'parts of it were written by fuse-overlayfs, which knows no data-only layers',
      'a machine made anew from its image',
      'warren image list',
    );
  }
  if (tier === 'copy') {
    if (used.length === 0 && !fuseMade) return { method: 'bind', layers: [] };
    if (used.length === 1 && !fuseMade) return { method: 'copy', layers: ids };
    throw lacksOverlay(instanceId);
  }
  return { method: fuseMade || tier === 'fuse' ? 'fuse' : 'kernel', layers: ids, data };
}

/** For a machine whose files an overlay mount made, where there is none. */
export function lacksOverlay(instanceId: number): WarrenError {
  return lacks(
    instanceId,
    'it is made of overlay layers, and neither the kernel nor fuse-overlayfs mounts them',
    'fuse-overlayfs',
    'sudo apt-get install fuse-overlayfs',
  );
}

function lacks(instanceId: number, found: string, wanted: string, hint: string): WarrenError {
  const what = `mount the root of machine ${instanceId}`;
  return new WarrenError('host_lacks', { what, found, wanted, hint });
}
