import { chmodSync, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { WarrenError } from '../contract/errors.ts';
import type { Paths } from '../contract/paths.ts';
import { hasErrno } from '../sys/sys-error.ts';

/**
 * `f_type` of file systems whose server knows nothing of subordinate ids or overlays (man 2
 * statfs).
 */
const networkTypes: Readonly<Record<number, string>> = {
  0x6969: 'NFS',
  0x517b: 'SMB',
  0xff534d42: 'CIFS',
  0xfe534d42: 'SMB',
  0x5346414f: 'AFS',
  0x73757245: 'Coda',
  0x00c36400: 'Ceph',
  0x01021997: '9P',
  0x0bd00bd0: 'Lustre',
  0x47504653: 'GPFS',
  0x19830326: 'BeeGFS',
};

/** Its own name when a file system of that `f_type` is on the network. */
export function networkFileSystem(type: number): string | undefined {
  // statfs's field is signed on some architectures.
  return networkTypes[type >>> 0];
}

/** `sun_path` has 108 bytes, one of them for the final NUL (man 7 unix). */
const maxSocketPath = 107;

/**
 * Makes warren's own directories, private to the user. Throws `host_lacks` for a place that cannot
 * hold them: a network file system, a path too long for a socket, somebody else's directory.
 */
export function prepareDirectories(paths: Paths, uid: number): void {
  for (const directory of new Set([paths.dataDir, paths.runtimeDir])) {
    refuseNetwork(directory);
  }
  const longest = Buffer.byteLength(paths.keeperSocket);
  if (longest > maxSocketPath) {
    throw new WarrenError('host_lacks', {
      what: 'use the runtime directory',
      found: `${paths.keeperSocket} has ${longest} bytes`,
      wanted: `at most ${maxSocketPath}, which a socket's address holds`,
      hint: 'export WARREN_DIR=/a/short/path',
    });
  }
  for (const directory of [paths.dataDir, paths.runtimeDir, paths.logDir]) {
    makePrivate(directory, uid);
  }
}

function refuseNetwork(directory: string): void {
  let place = directory;
  while (!existsSync(place) && place !== '/') place = dirname(place);
  const name = networkFileSystem(statfsSync(place).type);
  if (name === undefined) return;
  throw new WarrenError('host_lacks', {
    what: `keep machines in ${directory}`,
    found: `${place} is on ${name}, a network file system`,
    wanted: 'a local one, because machines own files under ids that its server does not know',
    hint: 'export WARREN_DIR=/a/local/directory',
  });
}

function makePrivate(directory: string, uid: number): void {
  try {
    makeWithParents(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    const { code = '', path = directory } = error as NodeJS.ErrnoException;
    throw unusable(directory, `${path} cannot be made there (${reasons[code] ?? code})`);
  }
  const found = statSync(directory);
  if (found.uid !== uid) throw unusable(directory, `it belongs to uid ${found.uid}`);
  if ((found.mode & 0o077) !== 0) chmodSync(directory, 0o700);
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EEXIST: 'something else has that name',
  ENOENT: 'its file system makes no directories',
  ENOTDIR: 'what is above it is no directory',
  EROFS: 'read-only file system',
};

/**
 * Node's own `recursive` never ends where mkdir(2) says ENOENT below a directory that is there, as
 * in procfs.
 */
function makeWithParents(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return;
  if (dirname(directory) !== directory) makeWithParents(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process was first.
    if (!statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

function unusable(directory: string, why: string): WarrenError {
  return new WarrenError('host_lacks', {
    what: `use ${directory}`,
    found: why,
    wanted: 'a directory of your own',
    hint: 'export WARREN_DIR=/a/directory/of/your/own',
  });
}
