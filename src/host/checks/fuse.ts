import { isReadWritable, missing, ok, warning, type Check } from './check.ts';

/** Without lxcfs, which warren does not run, /proc in a machine is the host's. */
export const checkLxcfs: Check = () =>
  warning(
    "machines see the host's memory and uptime in free(1) and uptime(1), and every processor whatever limits.cpu says; warren info shows what holds them",
  );

/** FUSE, for fuse-overlayfs. */
export const checkFuse: Check = () => {
  if (isReadWritable('/dev/fuse')) return ok('/dev/fuse');
  return missing(
    '/dev/fuse may not be read and written: no fuse-overlayfs',
    'sudo modprobe fuse && sudo chmod 0666 /dev/fuse',
  );
};
