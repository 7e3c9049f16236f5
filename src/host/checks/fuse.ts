import { isReadWritable, missing, ok, type Check } from './check.ts';

/** FUSE, for fuse-overlayfs. */
export const checkFuse: Check = () => {
  if (isReadWritable('/dev/fuse')) return ok('/dev/fuse');
  return missing(
    '/dev/fuse may not be read and written: no fuse-overlayfs',
    'sudo modprobe fuse && sudo chmod 0666 /dev/fuse',
  );
};
