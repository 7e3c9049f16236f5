import type { GuestChanges } from './entries.ts';

/** Debian's initscripts that have nothing to do in a machine, each with its reason. */
export const idleScripts: Readonly<Record<string, string>> = {
  bootlogs: 'the kernel log is the host’s and cannot be read',
  brightness: 'there is no screen',
  'checkfs.sh': 'there are no block devices to check',
  'checkroot.sh': 'the root is mounted, and not a machine’s to check or remount',
  'checkroot-bootclean.sh': 'nothing is hidden below the root that would want cleaning',
  'hwclock.sh': 'the clock is the host’s and cannot be set',
  'mount-configfs': 'configfs cannot be mounted in a user namespace',
  'mountdevsubfs.sh': '/dev comes complete',
  'mountkernfs.sh': '/proc, /sys and /run come mounted',
  'mountnfs.sh': 'NFS cannot be mounted in a user namespace',
  'mountnfs-bootclean.sh': 'likewise',
  umountfs: 'mounts end with the machine',
  'umountnfs.sh': 'likewise',
  umountroot: 'likewise',
  urandom: 'the random pool is the host’s',
};

export const initscriptsChanges: GuestChanges = {
  removals: [],
  entries: [],
  idleScripts: Object.keys(idleScripts),
};
