import { constants } from 'node:os';

import { SysError } from '../sys-error.ts';
import { errnoName, libc } from './libc.ts';
import { duplicateFd } from './process.ts';
import { closeFd } from './socket.ts';

const actionsInit = libc.func('int posix_spawn_file_actions_init(void *actions)');
const actionsDestroy = libc.func('int posix_spawn_file_actions_destroy(void *actions)');
const actionsDup2 = libc.func(
  'int posix_spawn_file_actions_adddup2(void *actions, int fd, int to)',
);
const actionsChdir = libc.func(
  'int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)',
);
const actionsCloseFrom = libc.func(
  'int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)',
);
const attributesInit = libc.func('int posix_spawnattr_init(void *attributes)');
const attributesDestroy = libc.func('int posix_spawnattr_destroy(void *attributes)');
const setFlags = libc.func('int posix_spawnattr_setflags(void *attributes, short flags)');
const setMask = libc.func('int posix_spawnattr_setsigmask(void *attributes, void *mask)');
const setDefault = libc.func('int posix_spawnattr_setsigdefault(void *attributes, void *mask)');
const posixSpawn = libc.func(
  'int posix_spawn(void *pid, const char *path, void *actions, void *attributes, const char **argv, const char **envp)',
);

// glibc: 80 and 336 bytes on 64-bit; the excess is for a C library that grows them.
const actionsBytes = 256;
const attributesBytes = 1024;
const sigsetBytes = 128;

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

export interface SpawnOptions {
  /** Absolute; PATH is not searched. */
  readonly path: string;
  /** With argv[0]. */
  readonly argv: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /**
   * Descriptor n of the child is a duplicate of `fds[n]`. It has no others, whatever we inherited.
   */
  readonly fds: readonly number[];
  readonly cwd?: string;
  /** In a session of its own, without a controlling terminal. */
  readonly newSession?: boolean;
}

/**
 * Starts a program as our own child and returns its pid; the caller reaps it (`wait.ts`). No signal
 * is blocked or ignored in it. libuv knows nothing of the child, so this is for the process that
 * reaps everything itself. (A bare fork(2) is out of the question: V8 marks its heap
 * MADV_DONTFORK.) Throws the errno of a failed exec, such as `ENOENT`.
 */
export function spawnChild(options: SpawnOptions): number {
  const actions = Buffer.alloc(actionsBytes);
  const attributes = Buffer.alloc(attributesBytes);
  // Above every target, so that no duplicate is overwritten before it was copied down.
  const sources = options.fds.map((fd) => duplicateFd(fd, 100));
  call(actionsInit, 'posix_spawn_file_actions_init', actions);
  call(attributesInit, 'posix_spawnattr_init', attributes);
  try {
    sources.forEach((source, target) => {
      call(actionsDup2, 'posix_spawn_file_actions_adddup2', actions, source, target);
    });
    const beyond = sources.length;
    call(actionsCloseFrom, 'posix_spawn_file_actions_addclosefrom_np', actions, beyond);
    if (options.cwd !== undefined) {
      call(actionsChdir, 'posix_spawn_file_actions_addchdir_np', actions, options.cwd);
    }
    const session = options.newSession === true ? POSIX_SPAWN_SETSID : 0;
    call(
      setFlags,
      'posix_spawnattr_setflags',
      attributes,
      POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | session,
    );
    call(setMask, 'posix_spawnattr_setsigmask', attributes, Buffer.alloc(sigsetBytes));
    call(setDefault, 'posix_spawnattr_setsigdefault', attributes, everySignal());
    const pid = Buffer.alloc(4);
    const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    const { path, argv } = options;
    call(posixSpawn, `posix_spawn ${path}`, pid, path, actions, attributes, list(argv), list(env));
    return pid.readInt32LE(0);
  } finally {
    actionsDestroy(actions);
    attributesDestroy(attributes);
    for (const source of sources) closeFd(source);
  }
}

/** A NULL-terminated `char *[]`. */
function list(words: readonly string[]): (string | null)[] {
  return [...words, null];
}

/**
 * All signals that have a disposition: SIGKILL and SIGSTOP have none, and glibc keeps 32 and 33.
 */
function everySignal(): Buffer {
  const set = Buffer.alloc(sigsetBytes);
  for (let signal = 1; signal <= 64; signal++) {
    const fixed = signal === constants.signals.SIGKILL || signal === constants.signals.SIGSTOP;
    if (fixed || signal === 32 || signal === 33) continue;
    const byte = (signal - 1) >> 3;
    set.writeUInt8(set.readUInt8(byte) | (1 << ((signal - 1) & 7)), byte);
  }
  return set;
}

/** The posix_spawn family returns its error and leaves errno alone. */
function call(fn: (...args: unknown[]) => unknown, name: string, ...args: unknown[]): void {
  const error = fn(...args) as number;
  if (error !== 0) throw new SysError(errnoName(error), name);
}
