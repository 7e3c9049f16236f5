import { openKernelThread } from './thread.ts';

/** A mount namespace of another process and the root in it that paths are resolved below. */
export interface MountPlace {
  readonly mntnsFd: number;
  readonly rootFd: number;
}

export interface GraftRequest {
  /** Namespace in which `source` is looked up; the flags of its mounts are the new mount's. */
  readonly fromNsFd: number;
  readonly source: string;
  readonly recursive: boolean;
  readonly to: MountPlace;
  /** Absolute. Links on the way lead below the root of `to` only; what is missing is made. */
  readonly target: string;
  readonly kind: 'directory' | 'file';
  /** Who owns what is made. */
  readonly owner: { readonly uid: number; readonly gid: number };
}

/**
 * A thread that visits mount namespaces. setns(2) refuses one whose file-system attributes (root,
 * working directory) another thread shares; this one has its own. It visits namespaces of
 * descendant user namespaces with our capabilities and makes nothing there but kernel calls on
 * descriptors: a path would be the visited machine's choice.
 */
export interface MountThread extends Disposable {
  /**
   * Mounts `source` of one namespace at `target` of another. Throws the errno of what was refused.
   */
  graft(request: GraftRequest): Promise<void>;
  /** Detaches the topmost mount at `target`; answers false when nothing is mounted there. */
  detach(from: MountPlace, target: string): Promise<boolean>;
  /**
   * Makes the mount at `target` the root of the namespace and of every process in it that has the
   * present one as root or working directory (man 2 pivot_root), and detaches all that was there.
   */
  pivot(at: MountPlace, target: string): Promise<void>;
}

/**
 * The namespaces' capabilities hold on inodes of descendants, but a file can only be made by an id
 * that its file system maps: so it is made with the owner's file-system ids, which by themselves
 * would take the capabilities away (capabilities(7), SECBIT_NO_SETUID_FIXUP).
 */
const program = `
const prctl = libc.func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
const setfsuid = libc.func('int setfsuid(unsigned int id)');
const setfsgid = libc.func('int setfsgid(unsigned int id)');
const umask = libc.func('unsigned int umask(unsigned int mask)');
const fchdir = libc.func('int fchdir(int fd)');
const pivotRoot = libc.func('int pivot_root(const char *root, const char *old)');
const mkdirat = libc.func('int mkdirat(int fd, const char *name, unsigned int mode)');
const mknodat = libc.func('int mknodat(int fd, const char *name, unsigned int mode, uint64_t dev)');
const umount2 = libc.func('int umount2(const char *target, int flags)');
const openat2 = libc.func('long syscall(long number, int fd, const char *path, const void *how, size_t size)');
const openTree = libc.func('long syscall(long number, int fd, const char *path, unsigned int flags)');
const moveMount = libc.func('long syscall(long number, int from, const char *fromPath, int to, const char *toPath, unsigned int flags)');
const CLONE_FS = 0x200;
const CLONE_NEWNS = 0x20000;
const CLOEXEC = 0o2000000;
const ENOENT = 2;
const EEXIST = 17;
const EINVAL = 22;
check('unshare', unshare(CLONE_FS));
check('prctl', prctl(28, 4, 0, 0, 0));
umask(0o022);
const dumpable = prctl(3, 0, 0, 0, 0);
const homeFd = openSync('/proc/thread-self/ns/mnt', 'r');
const descriptorsFd = openSync('/proc/thread-self/fd', 'r');
function visit(nsFd, use) {
  check('setns', setns(nsFd, CLONE_NEWNS));
  try {
    return use();
  } finally {
    // A thread that cannot come back must not read a file there.
    if (setns(homeFd, CLONE_NEWNS) === -1) process.exit(1);
  }
}
function openBelow(rootFd, path, flags = 0) {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(0o10000000 | CLOEXEC | flags), 0);
  how.writeBigUInt64LE(0x12n, 16);
  return check('openat2', openat2(437, rootFd, path, how, 24));
}
function withFd(fd, use) {
  try {
    return use(fd);
  } finally {
    close(fd);
  }
}
function make(fd, name, isDirectory, { uid, gid }) {
  setfsgid(gid);
  setfsuid(uid);
  try {
    if (isDirectory) check('mkdirat', mkdirat(fd, name, 0o755));
    else check('mknodat', mknodat(fd, name, 0o100644, 0));
  } catch (error) {
    if (error.errno !== EEXIST) throw error;
  } finally {
    setfsuid(0);
    setfsgid(0);
    // A change of ids takes it away from the whole process, and keeper and tools look into us.
    prctl(4, dumpable, 0, 0, 0);
  }
}
function openMade(rootFd, target, kind, owner) {
  const names = target.split('/').filter((name) => name !== '' && name !== '.');
  for (let depth = 1; depth < names.length + 1; depth++) {
    const path = names.slice(0, depth).join('/');
    try {
      close(openBelow(rootFd, path));
    } catch (error) {
      if (error.errno !== ENOENT) throw error;
      withFd(openBelow(rootFd, names.slice(0, depth - 1).join('/') || '.'), (fd) => {
        make(fd, names[depth - 1], depth < names.length || kind === 'directory', owner);
      });
    }
  }
  return openBelow(rootFd, names.join('/') || '.');
}
const work = {
  graft({ fromNsFd, source, recursive, to, target, kind, owner }) {
    const flags = 1 | CLOEXEC | (recursive ? 0x8000 : 0);
    const tree = visit(fromNsFd, () => check('open_tree', openTree(428, -100, source, flags)));
    return withFd(tree, () =>
      withFd(openMade(to.rootFd, target, kind, owner), (at) =>
        visit(to.mntnsFd, () => check('move_mount', moveMount(429, tree, '', at, '', 0x44))),
      ),
    );
  },
  detach({ from, target }) {
    try {
      return withFd(openBelow(from.rootFd, target), (fd) =>
        visit(from.mntnsFd, () => {
          check('fchdir', fchdir(descriptorsFd));
          check('umount2', umount2(String(fd), 2));
          return 1;
        }),
      );
    } catch (error) {
      if (error.errno === ENOENT || (error.call === 'umount2' && error.errno === EINVAL)) return 0;
      throw error;
    }
  },
  pivot({ at, target }) {
    return withFd(openBelow(at.rootFd, target), (fd) =>
      visit(at.mntnsFd, () => {
        check('fchdir', fchdir(fd));
        check('pivot_root', pivotRoot('.', '.'));
        // The old root lies over the new one.
        return check('umount2', umount2('.', 2));
      }),
    );
  },
};
`;

/**
 * Must be opened in the user namespace whose root we are. Starts the thread with the first call.
 */
export function openMountThread(): MountThread {
  const thread = openKernelThread('mount namespaces', program);
  return {
    graft: async (request) => {
      await thread.call('graft', request);
    },
    detach: async (from, target) => (await thread.call('detach', { from, target })) === 1,
    pivot: async (at, target) => {
      await thread.call('pivot', { at, target });
    },
    [Symbol.dispose]: () => {
      thread[Symbol.dispose]();
    },
  };
}
