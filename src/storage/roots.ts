import { chmod, mkdir, readdir, rename, rmdir, stat, statfs } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { backoffMs } from '../base/backoff.ts';
import { hostPath, type HostPath } from '../base/brand.ts';
import { WarrenError } from '../contract/errors.ts';
import type { Paths } from '../contract/paths.ts';
import {
  maxMountDataBytes,
  MNT_DETACH,
  mount,
  MS_BIND,
  unmount,
  watchUnmount,
  type UnmountWatch,
} from '../sys/kernel/mount.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { readKind, writeKind, type Layers, type TreeKind } from './layers.ts';
import { instancesLink, layersLink, nothingDir, rootsDir } from './mounts.ts';
import { lacksOverlay, planRoot } from './plan.ts';
import { copyTree, removeTree } from './trees.ts';
import type { LayerId, StorageLog, StorageTier } from './types.ts';
import type { Uppers } from './uppers.ts';

/**
 * How long an unmount waits for what a dead machine still holds, each for EBUSY and for the rest.
 */
const patienceMs = 5000;

/** The kernel takes 500 layers; what fits into a page of options depends on the ids' lengths. */
export function maxLayers(paths: Pick<Paths, 'mountDir'>): number {
  const longestId = 12;
  const fixed = overlayOptions(paths, Number.MAX_SAFE_INTEGER, []).length;
  const room = maxMountDataBytes - fixed;
  return Math.min(500, Math.floor(room / (layersLink(paths).length + 2 + longestId)));
}

/**
 * Options of a machine's overlay. `lowerdir` comes last: were the string ever cut, the mount would
 * fail or lack layers, but never lack its upper or `userxattr`.
 */
export function overlayOptions(
  paths: Pick<Paths, 'mountDir'>,
  instanceId: number,
  layers: readonly LayerId[],
  data?: LayerId,
): string {
  const own = `${instancesLink(paths)}/${instanceId}`;
  const lower =
    layers.map((layer) => `${layersLink(paths)}/${layer}`).join(':') || nothingDir(paths);
  const dataOnly = data === undefined ? '' : `::${layersLink(paths)}/${data}.data`;
  return `upperdir=${own}/upper,workdir=${own}/work,lowerdir=${lower}${dataOnly}`;
}

export interface Roots {
  path(instanceId: number): HostPath;
  mount(instanceId: number, layers: readonly LayerId[]): Promise<HostPath>;
  unmount(instanceId: number): Promise<void>;
  list(): Promise<number[]>;
  /** Throws `busy` while somebody still uses a root that was unmounted here. */
  refuseHeld(instanceId: number, action: string): void;
}

export interface RootsDeps {
  readonly paths: Paths;
  readonly log: StorageLog;
  readonly tier: StorageTier;
  readonly layers: Layers;
  readonly uppers: Uppers;
}

export function makeRoots({ paths, log, tier, layers, uppers }: RootsDeps): Roots {
  const path = (instanceId: number): HostPath => hostPath(`${rootsDir(paths)}/${instanceId}`);
  /** Roots that were unmounted here while another mount namespace still had them. */
  const held = new Map<number, UnmountWatch>();

  const stateOf = async (root: string): Promise<'mounted' | 'dead' | 'absent'> => {
    try {
      return (await stat(root)).dev === (await stat(rootsDir(paths))).dev ? 'absent' : 'mounted';
    } catch (error) {
      if (hasErrno(error, 'ENOENT')) return 'absent';
      // What a FUSE mount says whose process was killed.
      if (hasErrno(error, 'ENOTCONN')) return 'dead';
      throw error;
    }
  };

  /** Two overlays over one upper directory corrupt it, and the kernel only warns of it. */
  const refuseHeld = (instanceId: number, action: string): void => {
    const watch = held.get(instanceId);
    if (watch === undefined) return;
    if (!watch.isGone()) {
      throw new WarrenError('busy', {
        name: `the root of machine ${instanceId}`,
        action,
        other: 'a process that outlived the machine and uses its files',
      });
    }
    watch[Symbol.dispose]();
    held.delete(instanceId);
  };

  return {
    path,
    refuseHeld,

    list: async () => {
      const names = await readdir(rootsDir(paths));
      const states = await Promise.all(names.map((name) => stateOf(`${rootsDir(paths)}/${name}`)));
      return names.filter((_, index) => states[index] !== 'absent').map(Number);
    },

    mount: async (instanceId, chain) => {
      const root = path(instanceId);
      const state = await stateOf(root);
      if (state === 'mounted') return root;
      if (state === 'dead') unmount(root, MNT_DETACH);
      refuseHeld(instanceId, 'mount');
      await uppers.freezes.settle(instanceId, chain);
      const upper = uppers.upperPath(instanceId);
      const plan = planRoot({
        tier,
        upper: await kindOfUpper(upper),
        chain: await Promise.all(chain.map(async (id) => ({ id, ...(await layers.kindOf(id)) }))),
        instanceId,
      });
      await mkdir(root, { recursive: true });
      await chmod(root, 0o711);
      const options = overlayOptions(paths, instanceId, plan.layers, plan.data);
      switch (plan.method) {
        case 'kernel':
          mount({
            source: 'overlay',
            target: root,
            type: 'overlay',
            flags: 0,
            data: checkedOptions(
              `userxattr,${options}`,
              `mount the root of machine ${instanceId}`,
              maxLayers(paths),
            ),
          });
          break;
        case 'fuse':
          await writeKind(upper, { kind: 'fuse' });
          await run('fuse-overlayfs', ['-o', `allow_other,${options}`, root], {
            what: `mount the root of machine ${instanceId}`,
          });
          break;
        case 'copy':
          await fill(upper, layers.path(plan.layers[0] ?? ''), instanceId);
          bind(upper, root);
          break;
        case 'bind':
          await writeKind(upper, { kind: 'full' });
          bind(upper, root);
          break;
      }
      return root;
    },

    unmount: async (instanceId) => {
      const root = path(instanceId);
      const state = await stateOf(root);
      if (state === 'dead') unmount(root, MNT_DETACH);
      if (state === 'mounted') {
        const watch = (await endsWithMount(root)) ? tryWatch(root, log) : undefined;
        await unmountPatiently(root, log);
        if (watch !== undefined && !(await isGoneSoon(watch))) {
          log.warn({ root }, 'a process outside the machine still uses its root');
          held.set(instanceId, watch);
        } else {
          watch?.[Symbol.dispose]();
        }
      }
      try {
        await rmdir(root);
      } catch (error) {
        if (!hasErrno(error, 'ENOENT')) throw error;
      }
    },
  };
}

/** Throws `unsupported` for options that the kernel would cut. */
export function checkedOptions(options: string, what: string, most: number): string {
  if (Buffer.byteLength(options) <= maxMountDataBytes) return options;
  throw new WarrenError('unsupported', {
    what,
    why: `its snapshots make too many layers, wanted at most about ${most}`,
    hint: 'warren copy',
  });
}

function bind(source: string, target: string): void {
  mount({ source, target, type: '', flags: MS_BIND });
}

/**
 * The copy tier's first mount: the whole of the layer becomes the upper, in one step, since
 * rename(2) replaces an empty directory. One that is not empty holds changes that an overlay made.
 */
async function fill(upper: HostPath, layer: HostPath, instanceId: number): Promise<void> {
  if (!(await isEmpty(upper))) throw lacksOverlay(instanceId);
  const part = `${upper}.part`;
  await removeTree(part);
  await mkdir(part, { mode: 0o700 });
  await copyTree(layer, part, {});
  await writeKind(upper, { kind: 'full' });
  await rename(part, upper);
}

/** A full tree that is empty is one whose filling a dead daemon had just announced. */
export async function kindOfUpper(upper: HostPath): Promise<TreeKind> {
  const kind = await readKind(upper);
  return kind.kind === 'full' && (await isEmpty(upper)) ? { kind: 'plain' } : kind;
}

async function isEmpty(directory: string): Promise<boolean> {
  return (await readdir(directory)).length === 0;
}

/** True for a file system of its own, false for a bind mount of the user's. */
async function endsWithMount(root: string): Promise<boolean> {
  const overlayMagic = 0x794c7630;
  const fuseMagic = 0x65735546;
  const { type } = await statfs(root);
  return type === overlayMagic || type === fuseMagic;
}

function tryWatch(root: string, log: StorageLog): UnmountWatch | undefined {
  try {
    return watchUnmount(root);
  } catch (error) {
    log.warn({ err: error, root }, 'cannot watch an unmount: inotify instances are used up');
    return undefined;
  }
}

/**
 * EBUSY passes when what a dead machine had open is closed; if it does not, the mount is detached.
 */
export async function unmountPatiently(root: string, log: StorageLog): Promise<void> {
  const end = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    try {
      unmount(root);
      return;
    } catch (error) {
      if (hasErrno(error, 'EINVAL', 'ENOENT')) return;
      if (!hasErrno(error, 'EBUSY')) throw error;
      if (performance.now() >= end) break;
    }
    await sleep(backoffMs(attempt, 1, 100));
  }
  log.warn({ root }, 'a root stayed busy and was detached');
  unmount(root, MNT_DETACH);
}

async function isGoneSoon(watch: UnmountWatch): Promise<boolean> {
  const end = performance.now() + patienceMs;
  for (let attempt = 0; !watch.isGone(); attempt++) {
    if (performance.now() >= end) return false;
    await sleep(backoffMs(attempt, 1, 50));
  }
  return true;
}
