import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';

import { findXattr, listXattrs } from '../../src/sys/kernel/fs.ts';
import { walkTree } from '../../src/storage/walk.ts';

/**
 * Everything that a machine can see of a tree, a line for each name, to compare two trees: type,
 * mode, owner as `start` makes it a guest's, size, time, whether it has holes, which name of a file
 * with several came first, attributes and content. (Of a file that lost a name, overlay still
 * counts it.)
 */
export async function manifestOf(root: string, start: number): Promise<string[]> {
  const lines: string[] = [];
  /** The first name of each file that has several. */
  const firsts = new Map<bigint, string>();
  const parents: string[] = [];
  await walkTree(
    root,
    {
      enter: ({ name, path, stat, depth }) => {
        const own = depth === 0 ? '' : name.toString('latin1');
        parents.length = Math.max(0, depth - 1);
        const full = [...parents, own].join('/');
        if (stat.isDirectory() && depth > 0) parents.push(own);
        const isShared = stat.nlink > 1n && !stat.isDirectory();
        const first = isShared ? (firsts.get(stat.ino) ?? full) : '';
        if (isShared) firsts.set(stat.ino, first);
        const holes = stat.isFile() && stat.size - stat.blocks * 512n > 65_536n;
        lines.push(
          [
            JSON.stringify(full),
            stat.mode.toString(8),
            `${Number(stat.uid) - start}:${Number(stat.gid) - start}`,
            stat.isDirectory() ? '-' : stat.size,
            stat.mtimeNs,
            holes ? 'holes' : '',
            first === '' || first === full ? '' : `another name of ${JSON.stringify(first)}`,
            ...(stat.isSymbolicLink() ? [] : attributes(path, start)),
            stat.isFile() ? createHash('sha256').update(readFileSync(path)).digest('hex') : '',
            stat.isSymbolicLink() ? readlinkSync(path, 'latin1') : '',
          ].join(' '),
        );
      },
    },
    undefined,
  );
  return lines.sort();
}

function attributes(path: Buffer, start: number): string[] {
  return listXattrs(path)
    .sort()
    .map((name) => {
      const value = Buffer.from(findXattr(path, name) ?? '');
      // The root of a capability, and the ids of an access list.
      if (name === 'security.capability' && value.length === 24) {
        value.writeUInt32LE(value.readUInt32LE(20) - start, 20);
      }
      if (name.startsWith('system.posix_acl')) {
        for (let at = 4; at + 8 <= value.length; at += 8) {
          const hasId = [0x02, 0x08].includes(value.readUInt16LE(at));
          if (hasId) value.writeUInt32LE(value.readUInt32LE(at + 4) - start, at + 4);
        }
      }
      return `${name}=${value.toString('hex')}`;
    });
}
