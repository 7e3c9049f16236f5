import { constants, fstatSync, readFileSync } from 'node:fs';

import { WarrenError } from '../../contract/errors.ts';
import {
  O_PATH,
  readlinkAt,
  RESOLVE_BENEATH,
  RESOLVE_NO_MAGICLINKS,
  RESOLVE_NO_XDEV,
} from '../../sys/kernel/fs.ts';
import { parseMountinfo, type MountEntry } from '../../sys/proc/mountinfo.ts';
import { hasErrno, SysError } from '../../sys/sys-error.ts';
import type { RunningRoot } from '../types.ts';
import type { FileRoot } from './file-root.ts';
import { type OpenFd, openConfined, openRetrying } from './resolve.ts';

const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** As many links as the kernel allows in one path. */
const maxLinks = 40;
/** Names that one path may come to with all its links and `..`. */
const maxSteps = 20_000;
/**
 * Mounts that one path may enter, the same one again and again included: each is looked up in all
 * there are.
 */
const maxCrossings = 32;

/**
 * File systems that are the kernel's own words, not files: what lies there is asked by a command
 * inside.
 */
const notFiles = new Set(['cgroup', 'cgroup2', 'devpts', 'mqueue', 'proc', 'sysfs']);

/**
 * The files of a machine as it sees them, with its tmpfs, disks and volumes. What a path leads to
 * on the root itself, one call tells; a path that crosses a mount is walked name by name, so that
 * none is entered before it is known what it is. A guest can mount what it answers for itself
 * (FUSE, an overlay upon it): looking into that would wait for the guest, and with us everybody.
 */
export function machineRoot(root: RunningRoot): FileRoot {
  try {
    requireFiles(root, root.fd, '/');
  } catch (error) {
    root[Symbol.dispose]();
    throw error;
  }
  return {
    open: (path, flags = 0) => {
      try {
        return openConfined(root.fd, path, O_PATH | flags, { also: RESOLVE_NO_XDEV });
      } catch (error) {
        if (!hasErrno(error, 'EXDEV')) throw error;
        return walk(root, path, flags);
      }
    },
    [Symbol.dispose]: () => {
      root[Symbol.dispose]();
    },
  };
}

/** Opens a path as the kernel would, but looks at each mount before it is entered. */
function walk(root: RunningRoot, path: Buffer, flags: number): OpenFd {
  const mustBeDirectory = (flags & O_DIRECTORY) !== 0 || path.at(-1) === 0x2f;
  const follows = (flags & O_NOFOLLOW) === 0 || path.at(-1) === 0x2f;
  /** Names that were walked and are no links. */
  let done: Buffer[] = [];
  const left = namesOf(path).reverse();
  let links = 0;
  let crossings = 0;
  let current = openRoot(root);
  try {
    for (let steps = 0, name = left.pop(); name !== undefined; name = left.pop()) {
      if (++steps > maxSteps) throw new SysError('ELOOP', 'openat2', path.toString());
      if (isDots(name)) {
        // From the start again: the kernel would leave the mount by its root, which has no `..`
        // here.
        left.push(...done.slice(0, -1).reverse());
        done = [];
        current = replace(current, openRoot(root));
        continue;
      }
      const next = enter(root, current, name, () => {
        if (++crossings > maxCrossings) throw new SysError('ELOOP', 'openat2', path.toString());
        return Buffer.concat([...done, name].map(slashed)).toString();
      });
      const isLink = fstatSync(next.fd).isSymbolicLink();
      if (!isLink || (left.length === 0 && !follows)) {
        current = replace(current, next);
        done.push(name);
        continue;
      }
      using link = next;
      if (++links > maxLinks) throw new SysError('ELOOP', 'openat2', path.toString());
      const target = readlinkAt(link.fd, '');
      left.push(...namesOf(target).reverse());
      if (target[0] !== 0x2f) continue;
      done = [];
      current = replace(current, openRoot(root));
    }
    if (mustBeDirectory && !fstatSync(current.fd).isDirectory()) {
      throw new SysError('ENOTDIR', 'openat2', path.toString());
    }
    return current;
  } catch (error) {
    current[Symbol.dispose]();
    throw error;
  }
}

function openRoot(root: RunningRoot): OpenFd {
  return openConfined(root.fd, Buffer.from('/'), O_PATH | O_DIRECTORY);
}

function replace(old: OpenFd, next: OpenFd): OpenFd {
  old[Symbol.dispose]();
  return next;
}

/**
 * One name down, a link not followed; `cross` is told of a mount and answers how to name it. With
 * O_PATH the kernel asks the directory for the name and steps on what is mounted there, of which it
 * asks nothing.
 */
function enter(root: RunningRoot, from: OpenFd, name: Buffer, cross: () => string): OpenFd {
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  const flags = O_PATH | O_NOFOLLOW;
  try {
    return openRetrying(from.fd, name, flags, 0, resolve | RESOLVE_NO_XDEV);
  } catch (error) {
    if (!hasErrno(error, 'EXDEV')) throw error;
  }
  const next = openRetrying(from.fd, name, flags, 0, resolve);
  try {
    requireFiles(root, next.fd, cross());
    return next;
  } catch (error) {
    next[Symbol.dispose]();
    throw error;
  }
}

/**
 * Throws `invalid` for a mount that may not be entered. The file system below `fd` is not asked.
 */
function requireFiles(root: RunningRoot, fd: number, place: string): void {
  const [, mountId] =
    /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')) ?? [];
  // It cannot have gone or become another: `fd` holds it.
  const mount = mountId === undefined ? undefined : findMount(root.mountinfo(), mountId);
  if (mount !== undefined && hasFiles(mount)) return;
  const type = mount?.type ?? 'another';
  const problem = `${place} is on a file system of type ${type} that the machine has mounted, wanted files on a disk or tmpfs`;
  throw new WarrenError('invalid', {
    what: 'reach the file from outside',
    issues: [{ path: 'path', problem }],
  });
}

/** A guest can have a hundred thousand mounts: the one line is parsed, not all. */
function findMount(mountinfo: string, mountId: string): MountEntry | undefined {
  const [line] = new RegExp(`^${mountId} .*$`, 'm').exec(mountinfo) ?? [];
  return line === undefined ? undefined : parseMountinfo(line)[0];
}

/**
 * tmpfs, whoever mounted it, and what this side has mounted as well, such as the root and disks.
 */
function hasFiles({ type, device }: MountEntry): boolean {
  if (type === 'tmpfs') return true;
  if (notFiles.has(type)) return false;
  const ours = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  return ours.some((entry) => entry.device === device);
}

function namesOf(path: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; start < path.length;) {
    const slash = path.indexOf(0x2f, start);
    const end = slash === -1 ? path.length : slash;
    const name = path.subarray(start, end);
    if (name.length > 0 && !(name.length === 1 && name[0] === 0x2e)) names.push(name);
    start = end + 1;
  }
  return names;
}

function isDots(name: Buffer): boolean {
  return name.length === 2 && name[0] === 0x2e && name[1] === 0x2e;
}

function slashed(name: Buffer): Buffer {
  return Buffer.concat([Buffer.from('/'), name]);
}
