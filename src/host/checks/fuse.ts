import { findProgram, isReadWritable, missing, ok, type Check } from './check.ts';

/** lxcfs shows a machine its own memory, processors and uptime. */
export const checkLxcfs: Check = () =>
  findProgram('lxcfs') === undefined
    ? missing(
        "lxcfs is not installed: machines see the host's memory in free(1)",
        'sudo apt install lxcfs',
      )
    : ok('lxcfs');

/** FUSE, for lxcfs and for fuse-overlayfs. */
export const checkFuse: Check = () => {
  if (isReadWritable('/dev/fuse')) return ok('/dev/fuse');
  return missing(
    '/dev/fuse may not be read and written: no lxcfs, no fuse-overlayfs',
    'sudo modprobe fuse && sudo chmod 0666 /dev/fuse',
  );
};
