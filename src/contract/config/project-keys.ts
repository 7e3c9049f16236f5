import type { KeyRow, UnsupportedKey } from './key.ts';

const shared = 'machines are what a project keeps apart; the rest is shared by all projects';

/** Config keys of a project. `features.*` are what is true of each, and cannot be chosen. */
export const projectKeys = [
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
  { key: 'user.*', type: 'text', live: true, summary: 'Free notes of yours' },
] as const satisfies readonly KeyRow[];

/** Keys of LXD's projects that have no meaning here. */
export const unsupportedProjectKeys: readonly UnsupportedKey[] = [
  { key: 'features.*', why: shared },
  { key: 'limits.networks', why: 'networks are shared by all projects' },
  { key: 'limits.virtual-machines', why: 'there are no virtual machines' },
  { key: 'restricted*', why: 'what machines may be is for the policy of the administrator' },
  { key: 'images.*', why: 'images are shared by all projects' },
  { key: 'backups.*', why: 'the compression is chosen with each export' },
];

/** What a project has of its own. Shown, and taken when it is said as it is. */
export function projectFeatures(name: string): Readonly<Record<string, string>> {
  const own = `${name === 'default'}`;
  return {
    'features.images': own,
    'features.networks': own,
    'features.profiles': own,
    'features.storage.volumes': own,
  };
}
