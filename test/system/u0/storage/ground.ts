import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { stat } from 'node:fs/promises';

import { pathsIn, type Paths } from '../../../../src/contract/paths.ts';
import { listMounts } from '../../../../src/storage/mounts.ts';
import { makeStorage } from '../../../../src/storage/storage.ts';
import type { StorageService, StorageTier } from '../../../../src/storage/types.ts';
import { MNT_DETACH, unmount } from '../../../../src/sys/kernel/mount.ts';

/** Two disjoint slices, as two isolated machines have them. */
export const sliceA = { start: 1, size: 20_000 };
export const sliceB = { start: 20_001, size: 20_000 };

export interface Ground {
  readonly paths: Paths;
  readonly logged: string[];
  storage(tier?: StorageTier): Promise<StorageService>;
  remove(): Promise<void>;
}

/**
 * A store of its own in a fresh directory, by default with a comma and a colon in its path, which
 * mount options would take for their own.
 */
export function makeGround(parent = tmpdir(), prefix = 'warren,storage:'): Ground {
  const base = mkdtempSync(`${parent}/${prefix}`);
  const paths = pathsIn(`${base}/data`, `${base}/run`);
  const logged: string[] = [];
  const note = (_: object, message: string): void => {
    logged.push(message);
  };
  return {
    paths,
    logged,
    storage: (tier) =>
      makeStorage({
        paths,
        log: { info: () => undefined, warn: note, error: note },
        ...(tier === undefined ? {} : { tier }),
      }),
    remove: async () => {
      const top = (await listMounts()).findLast(({ mountPoint }) => mountPoint === paths.mountDir);
      if (top?.source === 'warren') unmount(paths.mountDir, MNT_DETACH);
      execFileSync('rm', ['-rf', base]);
    },
  };
}

/** Everything of a tree that a copy must keep, one line per file, with ids as `guest` has them. */
export function describeTree(directory: string, start: number): string[] {
  const script = `
import hashlib, os, stat, sys
root, start = os.fsencode(sys.argv[1]), int(sys.argv[2])
def shift(i): return i - start if start <= i < start + 20000 else 'U0:%d' % i
def value(name, data):
    data = bytearray(data)
    if name == 'security.capability' and len(data) == 24:
        return bytes(data[:20]).hex() + ' root ' + str(shift(int.from_bytes(data[20:24], 'little')))
    if name.startswith('system.posix_acl'):
        entries = [data[i:i+8] for i in range(4, len(data), 8)]
        return ' '.join('%d:%d:%s' % (e[0], e[2], shift(int.from_bytes(e[4:8], 'little')) if e[0] in (2, 8) else '-') for e in entries)
    return bytes(data).hex()
links = {}
for top, dirs, files in os.walk(root):
    for name in [b'.'] * (top == root) + sorted(dirs + files):
        path = os.path.join(top, name)
        s = os.lstat(path)
        first = links.setdefault(s.st_ino, path)
        xattrs = {} if os.path.islink(path) else {n: value(n, os.getxattr(path, n, follow_symlinks=False)) for n in sorted(os.listxattr(path, follow_symlinks=False))}
        small = stat.S_ISREG(s.st_mode) and s.st_size < 1 << 20
        print(os.path.relpath(path, root), hashlib.md5(open(path, 'rb').read()).hexdigest() if small else '', oct(s.st_mode), shift(s.st_uid), shift(s.st_gid),
              0 if os.path.isdir(path) else s.st_size, s.st_mtime_ns, s.st_rdev, s.st_nlink,
              os.path.relpath(first, root), os.readlink(path) if os.path.islink(path) else '', xattrs)
`;
  return execFileSync('python3', ['-c', script, directory, String(start)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .sort();
}

/** Whether something is mounted at `path`. */
export async function isMountPoint(path: string): Promise<boolean> {
  return (await stat(path)).dev !== (await stat(`${path}/..`)).dev;
}
