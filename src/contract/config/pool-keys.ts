import type { KeyRow, UnsupportedKey } from './key.ts';

/** Config keys of the storage pool that can be set. */
export const poolKeys = [
  { key: 'user.*', type: 'text', live: true, summary: 'Free notes of yours' },
] as const satisfies readonly KeyRow[];

const noBlocks = 'the pool is a directory, file systems cannot be made and mounted without root';

/** Keys of LXD's pools that have no meaning here. */
export const unsupportedPoolKeys: readonly UnsupportedKey[] = [
  { key: 'source', why: 'it is where everything of yours lies; WARREN_DIR chooses another place' },
  { key: 'warren.*', why: 'it tells what the host can do' },
  { key: 'size', why: 'the pool has what its file system has; bound machines with root size=' },
  { key: 'rsync.*', why: 'nothing is copied between pools or servers' },
  { key: 'volume.*', why: 'volumes have keys of their own, and none by default' },
  { key: 'volatile.*', why: noBlocks },
  { key: 'btrfs.*', why: noBlocks },
  { key: 'ceph.*', why: noBlocks },
  { key: 'cephfs.*', why: noBlocks },
  { key: 'lvm.*', why: noBlocks },
  { key: 'zfs.*', why: noBlocks },
];
