import { hasErrno, SysError } from '../sys-error.ts';
import { check, libc } from './libc.ts';

/**
 * File-system calls that Node lacks, one wrapper per call. All are made on the calling thread: they
 * may touch the disk, as `fs.*Sync` does, but none waits for another process.
 *
 * Names are bytes: a guest may use any but `/` and NUL.
 */
export type FileName = string | Uint8Array;

export const AT_FDCWD = -100;
export const AT_SYMLINK_NOFOLLOW = 0x100;
export const AT_REMOVEDIR = 0x200;
export const AT_EMPTY_PATH = 0x1000;

/**
 * Not in `fs.constants`. The values are the same on every architecture that Node runs on with
 * Linux.
 */
export const O_PATH = 0o10000000;
export const O_CLOEXEC = 0o2000000;

/** `how.resolve` of openat2(2). */
export const RESOLVE_NO_XDEV = 0x01;
export const RESOLVE_NO_MAGICLINKS = 0x02;
export const RESOLVE_NO_SYMLINKS = 0x04;
export const RESOLVE_BENEATH = 0x08;
export const RESOLVE_IN_ROOT = 0x10;

/** The same number everywhere: it is younger than the tables that differ. */
const SYS_openat2 = 437;

const openat2Call = libc.func(
  'long syscall(long number, int dirfd, const void *path, const void *how, size_t size)',
);
const mkdirat = libc.func('int mkdirat(int dirfd, const void *path, unsigned int mode)');
const mknodat = libc.func(
  'int mknodat(int dirfd, const void *path, unsigned int mode, uint64_t dev)',
);
const symlinkat = libc.func('int symlinkat(const void *target, int dirfd, const void *path)');
const linkat = libc.func(
  'int linkat(int from, const void *old, int to, const void *path, int flags)',
);
const renameat = libc.func('int renameat(int from, const void *old, int to, const void *path)');
const readlinkat = libc.func(
  'long readlinkat(int dirfd, const void *path, void *buffer, size_t size)',
);
const unlinkat = libc.func('int unlinkat(int dirfd, const void *path, int flags)');
const fchownat = libc.func(
  'int fchownat(int dirfd, const void *path, unsigned int uid, unsigned int gid, int flags)',
);
const utimensat = libc.func(
  'int utimensat(int dirfd, const void *path, const void *times, int flags)',
);
const futimens = libc.func('int futimens(int fd, const void *times)');
const lgetxattr = libc.func(
  'long lgetxattr(const void *path, const char *name, void *value, size_t size)',
);
const lsetxattr = libc.func(
  'int lsetxattr(const void *path, const char *name, const void *value, size_t size, int flags)',
);
const fsetxattr = libc.func(
  'int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)',
);
const lremovexattr = libc.func('int lremovexattr(const void *path, const char *name)');
const llistxattr = libc.func('long llistxattr(const void *path, void *list, size_t size)');

export interface OpenHow {
  readonly flags: number;
  readonly mode?: number;
  readonly resolve: number;
}

/** openat2(2), close-on-exec. The caller closes the descriptor. */
export function openat2(
  dirFd: number,
  path: FileName,
  { flags, mode = 0, resolve }: OpenHow,
): number {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(resolve), 16);
  return checkName(openat2Call(SYS_openat2, dirFd, nulEnded(path), how, 24), 'openat2', path);
}

/** mkdirat(2); the umask takes bits off `mode`. */
export function mkdirAt(dirFd: number, name: FileName, mode: number): void {
  checkName(mkdirat(dirFd, nulEnded(name), mode), 'mkdirat', name);
}

/**
 * mknodat(2) with the type bits in `mode`. In a user namespace only fifos, sockets and whiteouts.
 */
export function mknodAt(dirFd: number, name: FileName, mode: number, device: number): void {
  checkName(mknodat(dirFd, nulEnded(name), mode, device), 'mknodat', name);
}

/** symlinkat(2). Throws `EEXIST`. */
export function symlinkAt(target: FileName, dirFd: number, name: FileName): void {
  checkName(symlinkat(nulEnded(target), dirFd, nulEnded(name)), 'symlinkat', name);
}

/** linkat(2): a second name for a file; a link itself is linked, not followed. */
export function linkAt(fromFd: number, from: FileName, toFd: number, to: FileName): void {
  checkName(linkat(fromFd, nulEnded(from), toFd, nulEnded(to), 0), 'linkat', to);
}

/** renameat(2). */
export function renameAt(fromFd: number, from: FileName, toFd: number, to: FileName): void {
  checkName(renameat(fromFd, nulEnded(from), toFd, nulEnded(to)), 'renameat', to);
}

/**
 * readlinkat(2). An empty `name` reads the link that `dirFd` itself is open on (O_PATH |
 * O_NOFOLLOW).
 */
export function readlinkAt(dirFd: number, name: FileName): Buffer {
  const buffer = Buffer.alloc(4096);
  const length = checkName(
    readlinkat(dirFd, nulEnded(name), buffer, buffer.length),
    'readlinkat',
    name,
  );
  return buffer.subarray(0, length);
}

/** unlinkat(2); `AT_REMOVEDIR` for an empty directory. */
export function unlinkAt(dirFd: number, name: FileName, flags: number): void {
  checkName(unlinkat(dirFd, nulEnded(name), flags), 'unlinkat', name);
}

/** fchownat(2). With an empty name and `AT_EMPTY_PATH` it works on an O_PATH descriptor. */
export function chownAt(
  dirFd: number,
  name: FileName,
  owner: { readonly uid: number; readonly gid: number },
  flags: number,
): void {
  checkName(fchownat(dirFd, nulEnded(name), owner.uid, owner.gid, flags), 'fchownat', name);
}

/** Nanoseconds since the epoch. */
export interface FileTimes {
  readonly accessedNs: bigint;
  readonly modifiedNs: bigint;
}

/** utimensat(2); of a link itself. */
export function setTimesAt(dirFd: number, name: FileName, times: FileTimes): void {
  const buffer = timespecs(times);
  checkName(utimensat(dirFd, nulEnded(name), buffer, AT_SYMLINK_NOFOLLOW), 'utimensat', name);
}

/** futimens(3): the times of what `fd`, no O_PATH descriptor, is open on. */
export function setFdTimes(fd: number, times: FileTimes): void {
  check(Number(futimens(fd, timespecs(times))), 'futimens');
}

/** Two struct timespec, as utimensat(2) takes them. */
function timespecs(times: FileTimes): Buffer {
  const buffer = Buffer.alloc(32);
  [times.accessedNs, times.modifiedNs].forEach((ns, index) => {
    // A time before 1970 has negative seconds and nanoseconds that still count forward.
    const seconds = ns >= 0n ? ns / 1_000_000_000n : (ns - 999_999_999n) / 1_000_000_000n;
    buffer.writeBigInt64LE(seconds, index * 16);
    buffer.writeBigInt64LE(ns - seconds * 1_000_000_000n, index * 16 + 8);
  });
  return buffer;
}

/** lgetxattr(2); undefined when there is no such attribute or the file system has none. */
export function findXattr(path: FileName, name: string): Buffer | undefined {
  try {
    return readSized('lgetxattr', path, (bytes, value) =>
      lgetxattr(bytes, name, value, value.length),
    );
  } catch (error) {
    if (hasErrno(error, 'ENODATA', 'EOPNOTSUPP')) return undefined;
    throw error;
  }
}

/** lsetxattr(2), creating or replacing. */
export function setXattr(path: FileName, name: string, value: Uint8Array): void {
  checkName(lsetxattr(nulEnded(path), name, value, value.length, 0), 'lsetxattr', path);
}

/** fsetxattr(2), creating or replacing, on what `fd`, no O_PATH descriptor, is open on. */
export function setFdXattr(fd: number, name: string, value: Uint8Array): void {
  check(Number(fsetxattr(fd, name, value, value.length, 0)), 'fsetxattr', name);
}

/** lremovexattr(2). Absent is fine. */
export function removeXattr(path: FileName, name: string): void {
  try {
    checkName(lremovexattr(nulEnded(path), name), 'lremovexattr', path);
  } catch (error) {
    if (!hasErrno(error, 'ENODATA')) throw error;
  }
}

/** llistxattr(2): the names the caller may see; none where the file system has no attributes. */
export function listXattrs(path: FileName): string[] {
  try {
    const list = readSized('llistxattr', path, (bytes, into) =>
      llistxattr(bytes, into, into.length),
    );
    return list.toString('latin1').split('\0').slice(0, -1);
  } catch (error) {
    if (hasErrno(error, 'EOPNOTSUPP')) return [];
    throw error;
  }
}

/**
 * The way to an open directory's entry for calls that take paths only: never longer than a name.
 */
export function entryPath(dirFd: number, name: FileName): Buffer {
  return Buffer.concat([Buffer.from(`/proc/self/fd/${dirFd}/`), Buffer.from(name as Uint8Array)]);
}

/** Asks for the length, which is mostly 0, then for the value: it can grow in between. */
function readSized(
  syscall: string,
  path: FileName,
  call: (path: Buffer, buffer: Buffer) => unknown,
): Buffer {
  const bytes = nulEnded(path);
  for (;;) {
    const length = checkName(call(bytes, Buffer.alloc(0)), syscall, path);
    if (length === 0) return Buffer.alloc(0);
    const buffer = Buffer.alloc(length);
    try {
      return buffer.subarray(0, checkName(call(bytes, buffer), syscall, path));
    } catch (error) {
      if (!hasErrno(error, 'ERANGE')) throw error;
    }
  }
}

function nulEnded(name: FileName): Buffer {
  const bytes = typeof name === 'string' ? Buffer.from(name) : name;
  if (bytes.includes(0)) throw new SysError('EINVAL', 'name', printable(name));
  return Buffer.concat([bytes, Buffer.of(0)]);
}

function checkName(result: unknown, syscall: string, name: FileName): number {
  const value = Number(result);
  return value === -1 ? check(value, syscall, printable(name)) : value;
}

function printable(name: FileName): string {
  return typeof name === 'string' ? name : Buffer.from(name).toString();
}
