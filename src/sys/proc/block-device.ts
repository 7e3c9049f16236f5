import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs';

import { parseMountinfo } from './mountinfo.ts';

/**
 * The whole disk that the file system of `path` lies on, as the cgroup files name it (`8:0`), or
 * the type of a file system that lies on none. Throws as stat(2) does.
 */
export function findBlockDevice(
  path: string,
): { readonly block: string } | { readonly fileSystem: string } {
  const { dev } = statSync(path, { bigint: true });
  const direct = formatDevice(dev);
  if (!direct.startsWith('0:')) return { block: wholeDisk(direct) };
  // btrfs gives each of its subvolumes a number that is no device's: its mount says where it lies.
  const real = realpathSync(path);
  const mount = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
    .filter(({ mountPoint }) => isBelow(real, mountPoint))
    .sort((a, b) => a.mountPoint.length - b.mountPoint.length)
    .at(-1);
  const source = mount?.source ?? '';
  const found = source.startsWith('/dev/')
    ? statSync(source, { bigint: true, throwIfNoEntry: false })
    : undefined;
  if (found?.isBlockDevice() === true) return { block: wholeDisk(formatDevice(found.rdev)) };
  return { fileSystem: mount?.type ?? 'an unknown file system' };
}

/** Limits of input and output are those of disks: the kernel refuses partitions. */
function wholeDisk(device: string): string {
  const directory = `/sys/dev/block/${device}`;
  if (!existsSync(`${directory}/partition`)) return device;
  // The link leads to the directory of the partition, which lies in that of its disk.
  return readFileSync(`${realpathSync(directory)}/../dev`, 'utf8').trim();
}

/** glibc's makedev(3), backwards. */
function formatDevice(dev: bigint): string {
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  return `${major}:${minor}`;
}

function isBelow(path: string, mountPoint: string): boolean {
  return mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
}
