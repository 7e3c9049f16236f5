import { check, libc } from './libc.ts';

const memfdCreate = libc.func('int memfd_create(const char *name, unsigned int flags)');
const fcntl = libc.func('fcntl', 'int', ['int', 'int', 'long']);
const ftruncate = libc.func('int ftruncate(int fd, long length)');

const MFD_CLOEXEC = 0x1;
const MFD_ALLOW_SEALING = 0x2;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 0x1;
const F_SEAL_SHRINK = 0x2;
const F_SEAL_GROW = 0x4;

/**
 * A nameless file in memory of exactly `size` bytes, all zero, whoever writes to it (man 2
 * memfd_create, F_SEAL_GROW): a write beyond its end fails with EPERM. `name` is what /proc shows.
 * Close-on-exec, the caller closes it.
 */
export function createMemfd(name: string, size: number): number {
  const fd = check(memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING) as number, 'memfd_create');
  check(ftruncate(fd, size) as number, 'ftruncate', name);
  const seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW;
  check(fcntl(fd, F_ADD_SEALS, seals) as number, 'fcntl F_ADD_SEALS', name);
  return fd;
}
