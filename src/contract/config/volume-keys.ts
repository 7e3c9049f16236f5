import type { KeyRow, UnsupportedKey } from './key.ts';

const noShift =
  'an ordinary user cannot shift the ids of a mount; machines that share ids (security.idmap.isolated=false) can share a volume';

/** Config keys of a custom storage volume. */
export const volumeKeys = [
  {
    key: 'size',
    type: 'size',
    live: true,
    summary: 'Most that it may keep: beyond it there are no snapshots and copies of it',
  },
  {
    key: 'security.shifted',
    type: 'bool',
    default: 'false',
    values: ['false'],
    why: noShift,
    live: true,
    summary: 'Only false',
  },
  {
    key: 'security.unmapped',
    type: 'bool',
    default: 'false',
    values: ['false'],
    why: 'every machine has ids of its own range, and so have the files it is given',
    live: true,
    summary: 'Only false',
  },
  {
    key: 'user.*',
    type: 'text',
    live: true,
    summary: 'Free notes of yours',
  },
] as const satisfies readonly KeyRow[];

const noBlocks = 'a volume is a directory, file systems cannot be made and mounted without root';

/** Keys of LXD's volumes that have no meaning here. */
export const unsupportedVolumeKeys: readonly UnsupportedKey[] = [
  { key: 'block.*', why: noBlocks },
  { key: 'lvm.*', why: noBlocks },
  { key: 'zfs.*', why: noBlocks },
  { key: 'snapshots.*', why: 'snapshots of volumes are taken when you ask for them' },
];
