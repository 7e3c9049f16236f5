import type { KeyRow, UnsupportedKey } from './key.ts';
import { compressionKeys, imageCacheKeys } from './server-keys.ts';

/** What a project may have of its own besides its machines. */
export type ProjectFeature = 'features.images' | 'features.profiles' | 'features.storage.volumes';

export const projectFeatures: readonly ProjectFeature[] = [
  'features.images',
  'features.profiles',
  'features.storage.volumes',
];

/** Config keys of a project. */
export const projectKeys = [
  {
    key: 'features.images',
    type: 'bool',
    default: 'false',
    live: true,
    summary: 'Whether it has images and aliases of its own; can be changed while it is empty',
  },
  {
    key: 'features.profiles',
    type: 'bool',
    default: 'false',
    live: true,
    summary: 'Whether it has profiles of its own; can be changed while it is empty',
  },
  {
    key: 'features.storage.volumes',
    type: 'bool',
    default: 'false',
    live: true,
    summary: 'Whether it has storage volumes of its own; can be changed while it is empty',
  },
  {
    key: 'limits.instances',
    type: 'integer',
    min: 0,
    live: true,
    summary: 'Most machines',
  },
  {
    key: 'limits.containers',
    type: 'integer',
    min: 0,
    live: true,
    summary: 'The same: every machine is a container',
  },
  {
    key: 'limits.networks',
    type: 'integer',
    min: 0,
    live: true,
    summary: 'Most networks; only the project default can have any, which all share',
  },
  {
    key: 'limits.memory',
    type: 'size',
    live: true,
    summary: 'Most memory of all machines together; each must have limits.memory then',
  },
  {
    key: 'limits.cpu',
    type: 'integer',
    min: 1,
    live: true,
    summary: 'Most CPUs of all machines together; each must have limits.cpu or an allowance then',
  },
  {
    key: 'limits.processes',
    type: 'integer',
    min: 1,
    live: true,
    summary: 'Most processes of all machines together; each must have limits.processes then',
  },
  {
    key: 'limits.disk',
    type: 'size',
    live: true,
    summary: 'Most of all root disks together; each must have a size then',
  },
  ...compressionKeys,
  // Unset, what the server says holds.
  ...imageCacheKeys.map(({ default: _, ...row }) => row),
  { key: 'user.*', type: 'text', live: true, summary: 'Free notes of yours' },
] as const satisfies readonly KeyRow[];

/** Keys of LXD's projects that have no meaning here. */
export const unsupportedProjectKeys: readonly UnsupportedKey[] = [
  {
    key: 'features.networks',
    why: 'networks of a project alone are OVN’s, and bridges are shared by all projects, in LXD too',
  },
  { key: 'limits.virtual-machines', why: 'there are no virtual machines' },
  { key: 'restricted*', why: 'what machines may be is for the policy of the administrator' },
  { key: 'images.default_architecture', why: 'machines are of the architecture of their host' },
];

/** What all projects share, as each of them shows it and takes it when it is said as it is. */
export function fixedFeatures(name: string): Readonly<Record<string, string>> {
  const own = `${name === 'default'}`;
  return { 'features.networks': own };
}
