import { closeSync, readSync } from 'node:fs';

import { SysError, hasErrno } from '../sys-error.ts';
import { check, libc } from './libc.ts';

const mountCall = libc.func(
  'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
);
const umount2 = libc.func('int umount2(const char *target, int flags)');
const mountSetattr = libc.func(
  'long syscall(long number, int fd, const char *path, unsigned int flags, const void *attr, size_t size)',
);
const inotifyInit1 = libc.func('int inotify_init1(int flags)');
const inotifyAddWatch = libc.func('int inotify_add_watch(int fd, const char *path, uint32_t mask)');

export const MS_RDONLY = 0x1;
export const MS_NOSUID = 0x2;
export const MS_NODEV = 0x4;
export const MS_BIND = 0x1000;
export const MS_REC = 0x4000;

export const MNT_DETACH = 0x2;
const UMOUNT_NOFOLLOW = 0x8;

/**
 * Bytes of options that mount(2) takes. It cuts longer ones silently, and can then succeed with
 * another meaning; the wrapper refuses them.
 */
export const maxMountDataBytes = 4095;

export interface MountRequest {
  readonly source: string;
  readonly target: string;
  /** Empty for bind mounts and changes of propagation. */
  readonly type: string;
  readonly flags: number;
  readonly data?: string;
}

/** mount(2). Throws E2BIG, as no kernel does, for options that it would cut. */
export function mount({ source, target, type, flags, data }: MountRequest): void {
  if (data !== undefined && Buffer.byteLength(data) > maxMountDataBytes) {
    throw new SysError('E2BIG', 'mount', target);
  }
  check(
    mountCall(source, target, type === '' ? null : type, flags, data ?? null) as number,
    'mount',
    target,
  );
}

/**
 * umount2(2), never following a link at the end of `target`. EBUSY while something is open in
 * there.
 */
export function unmount(target: string, flags = 0): void {
  check(umount2(target, flags | UMOUNT_NOFOLLOW) as number, 'umount2', target);
}

/** Makes the mount at `path` read-only, and with `recursive` all below it (man 2 mount_setattr). */
export function makeReadonly(path: string, recursive: boolean): void {
  const SYS_mount_setattr = 442;
  const AT_FDCWD = -100;
  const AT_RECURSIVE = 0x8000;
  const MOUNT_ATTR_RDONLY = 0x1n;
  const attr = Buffer.alloc(32);
  attr.writeBigUInt64LE(MOUNT_ATTR_RDONLY, 0);
  const flags = recursive ? AT_RECURSIVE : 0;
  const result: unknown = mountSetattr(
    SYS_mount_setattr,
    AT_FDCWD,
    path,
    flags,
    attr,
    attr.length,
  ) as number;
  check(Number(result), 'mount_setattr', path);
}

/** Tells when a mounted file system is really gone, from every mount namespace. */
export interface UnmountWatch extends Disposable {
  /** True from the moment on at which no mount of the file system is left anywhere. */
  isGone(): boolean;
}

/**
 * Watches the file system that `path` lies on (inotify(7): IN_UNMOUNT comes when its superblock
 * ends). umount2 takes away only the mount in our own namespace; a process that lives in another
 * one can keep the file system, and with it an overlay's upper directory, in use. Disposing closes
 * the inotify instance.
 */
export function watchUnmount(path: string): UnmountWatch {
  const IN_NONBLOCK = 0o4000;
  const IN_CLOEXEC = 0o2000000;
  const IN_DELETE_SELF = 0x400;
  const fd = check(inotifyInit1(IN_NONBLOCK | IN_CLOEXEC) as number, 'inotify_init1');
  let open = true;
  let gone = false;
  const close = (): void => {
    if (open) closeSync(fd);
    open = false;
  };
  try {
    // IN_UNMOUNT is always delivered; the mask only has to be valid, and quiet.
    check(inotifyAddWatch(fd, path, IN_DELETE_SELF) as number, 'inotify_add_watch', path);
  } catch (error) {
    close();
    throw error;
  }
  return {
    isGone: () => {
      gone ||= open && readMasks(fd).some((mask) => (mask & 0x2000) !== 0);
      return gone;
    },
    [Symbol.dispose]: close,
  };
}

/**
 * The masks of the events that are waiting: struct inotify_event is wd, mask, cookie, len, name.
 */
function readMasks(fd: number): number[] {
  const buffer = Buffer.alloc(4096);
  let length: number;
  try {
    length = readSync(fd, buffer);
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return [];
    throw error;
  }
  const masks: number[] = [];
  for (let at = 0; at < length; at += 16 + buffer.readUInt32LE(at + 12)) {
    masks.push(buffer.readUInt32LE(at + 4));
  }
  return masks;
}
