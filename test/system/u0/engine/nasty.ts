import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';

import type { OwnerRange } from '../../../../src/storage/types.ts';
import { AT_FDCWD, mknodAt, setXattr } from '../../../../src/sys/kernel/fs.ts';

/**
 * Makes `nasty` in a directory of a machine with such ids, with what makes copies of trees go
 * wrong.
 */
export function fillNastily(root: string, { start, size }: OwnerRange): void {
  const at = (name: string | Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${root}/nasty/`), Buffer.from(name)]);
  mkdirSync(`${root}/nasty/deep/deeper`, { recursive: true });
  writeFileSync(at('suid'), 'suid');
  writeFileSync(at(Buffer.from([0xff, 0xfe, 0x20, 0x0a, 0x41])), 'odd name');
  writeFileSync(at('one'), 'one file');
  linkSync(at('one'), at('deep/two'));
  symlinkSync(Buffer.from([0x2f, 0xff]), at('link'));
  lutimesSync(at('link'), 1, 86_400.5);
  mknodAt(AT_FDCWD, at('fifo'), 0o010644, 0);
  const fd = openSync(at('holes'), 'w');
  writeSync(fd, 'end', 3_000_000);
  closeSync(fd);
  truncateSync(at('holes'), 6_000_000);
  writeFileSync(at('capable'), 'program');
  // The ids of the machine's root, as everything that it makes itself; these take attributes away.
  execFileSync('chown', ['-hR', `${start}:${start}`, `${root}/nasty`]);
  chownSync(`${root}/nasty`, start + 1000, start + size - 1);
  chownSync(at('suid'), start + 7, start + 8);
  chmodSync(at('suid'), 0o6751);
  const capability = Buffer.alloc(24);
  capability.writeUInt32LE(0x03000001, 0);
  capability.writeUInt32LE(0x400, 4);
  capability.writeUInt32LE(start, 20);
  setXattr(at('capable'), 'security.capability', capability);
  setXattr(at('deep'), 'user.note', Buffer.from([0, 255, 10]));
  setXattr(at('one'), 'system.posix_acl_access', accessList(start + 1234));
  chmodSync(at('deep/deeper'), 0o1777);
}

/** `u::rw-,u:ID:r--,g::r--,m::r--,o::---`. */
function accessList(uid: number): Buffer {
  const entries = [
    [1, 6, 0xffffffff],
    [2, 4, uid],
    [4, 4, 0xffffffff],
    [16, 4, 0xffffffff],
    [32, 0, 0xffffffff],
  ] as const;
  const list = Buffer.alloc(4 + 8 * entries.length);
  list.writeUInt32LE(2, 0);
  for (const [index, [tag, permissions, id]] of entries.entries()) {
    list.writeUInt16LE(tag, 4 + index * 8);
    list.writeUInt16LE(permissions, 6 + index * 8);
    list.writeUInt32LE(id, 8 + index * 8);
  }
  return list;
}
