import { chmod, mkdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';

import { WarrenError } from '../contract/errors.ts';
import type { Paths } from '../contract/paths.ts';
import { mount, MS_NODEV, MS_NOSUID } from '../sys/kernel/mount.ts';
import { parseMountinfo, type MountEntry } from '../sys/proc/mountinfo.ts';
import { hasErrno } from '../sys/sys-error.ts';

/** Source name of our tmpfs, by which a later daemon knows it again. */
const tmpfsSource = 'warren';

/**
 * Short names, below the mount directory, of the two directories that overlay options speak of: a
 * page of options then holds hundreds of layers, whatever the length of the user's own paths and
 * whatever commas and colons they have.
 */
export function layersLink(paths: Pick<Paths, 'mountDir'>): string {
  return `${paths.mountDir}/l`;
}

export function instancesLink(paths: Pick<Paths, 'mountDir'>): string {
  return `${paths.mountDir}/i`;
}

/** Where the roots of machines are mounted. */
export function rootsDir(paths: Pick<Paths, 'mountDir'>): string {
  return `${paths.mountDir}/roots`;
}

/** An empty directory, where an overlay wants one that there is not. */
export function nothingDir(paths: Pick<Paths, 'mountDir'>): string {
  return `${paths.mountDir}/nothing`;
}

/**
 * Lays the ground that every machine stands on: the tmpfs at `mountDir`, which the ids of slices
 * may pass, with `roots/` in it, and the private directories for layers and uppers. Idempotent: the
 * keeper pins the mount namespace, and a new daemon finds there what an older one made.
 */
export async function prepareMounts(paths: Paths): Promise<void> {
  for (const directory of [paths.layersDir, paths.instancesDir]) {
    await mkdir(directory, { recursive: true });
    // Layers hold set-uid files of subordinate ids, which nobody else may come to.
    await chmod(directory, 0o700);
  }
  const top = (await listMounts()).findLast(({ mountPoint }) => mountPoint === paths.mountDir);
  if (top?.type !== 'tmpfs' || top.source !== tmpfsSource) mountTmpfs(paths.mountDir);
  await mkdir(rootsDir(paths), { recursive: true });
  await chmod(rootsDir(paths), 0o711);
  await mkdir(nothingDir(paths), { recursive: true });
  await pointLink(layersLink(paths), paths.layersDir);
  await pointLink(instancesLink(paths), paths.instancesDir);
}

function mountTmpfs(target: string): void {
  try {
    mount({
      source: tmpfsSource,
      target,
      type: 'tmpfs',
      flags: MS_NOSUID | MS_NODEV,
      data: 'mode=0755,size=256m',
    });
  } catch (error) {
    throw new WarrenError(
      'host_lacks',
      {
        what: `mount a tmpfs at ${target}`,
        found: hasErrno(error, 'ENOENT') ? 'there is no such directory' : String(error),
        wanted: 'a directory and a mount namespace of our own',
        hint: 'warren doctor',
      },
      { cause: error },
    );
  }
}

async function pointLink(link: string, target: string): Promise<void> {
  const present = await readlink(link).catch(() => undefined);
  if (present === target) return;
  await rm(`${link}.new`, { force: true });
  await symlink(target, `${link}.new`);
  await rename(`${link}.new`, link);
}

/** Every mount of our mount namespace, in the order they were made. */
export async function listMounts(): Promise<MountEntry[]> {
  return parseMountinfo(await readFile('/proc/self/mountinfo', 'utf8'));
}
