import type { ProcessIdentity } from '../base/process-identity.ts';

/**
 * The keeper's protocol: JSON lines over the stream socket `keeper.socket`, one daemon at a time.
 * Descriptors do not travel in messages. Keeper and daemon have the same credentials and pid
 * namespace, so each fetches the other's descriptors with pidfd_getfd(2) by number; that leaves
 * the daemon's side of the connection an ordinary `net.Socket`.
 */

/** Daemon → keeper. Each is answered by the `Reply` with the same `id`. */
export type KeeperRequest =
  /** First message of a daemon. The reply carries everything it must know to carry on. */
  | { readonly id: number; readonly type: 'hello'; readonly pid: number }
  /**
   * The keeper duplicates the daemon's descriptor `fd` and holds it as `name`, replacing an older
   * one. A `console` is drained by the keeper while no daemon is connected.
   */
  | {
      readonly id: number;
      readonly type: 'store';
      readonly name: string;
      readonly kind: 'console' | 'plain';
      readonly fd: number;
    }
  | { readonly id: number; readonly type: 'drop'; readonly name: string }
  /**
   * Exits up to and including `sequence` are recorded in the database; the journal may forget them.
   */
  | { readonly id: number; readonly type: 'forget-exits'; readonly sequence: number }
  /** The daemon has recovered and answers clients: what comes up must have been well. */
  | { readonly id: number; readonly type: 'ready' }
  /**
   * The daemon is about to end on purpose. `again`: start the next one at once (restart, upgrade).
   */
  | { readonly id: number; readonly type: 'leaving'; readonly again: boolean }
  /** The keeper ends when this daemon has ended; refused while a stored descriptor is a console. */
  | { readonly id: number; readonly type: 'shutdown' };

/** A child of the keeper that ended: a machine's init, or a helper whose parent had died. */
export interface ExitRecord extends ProcessIdentity {
  /** Counts up from 1 through the life of the journal file. */
  readonly sequence: number;
  /** Wait status as `waitid` splits it. */
  readonly exit: { readonly kind: 'exited' | 'killed' | 'dumped'; readonly value: number };
  /** RFC 3339. */
  readonly at: string;
}

export interface StoredDescriptor {
  readonly name: string;
  readonly kind: 'console' | 'plain';
  /** Number in the keeper, for pidfd_getfd. */
  readonly fd: number;
  /** Console output that the keeper drained while no daemon was there, base64, at most 64 KiB. */
  readonly drained: string;
}

export interface Welcome {
  readonly keeperPid: number;
  readonly descriptors: readonly StoredDescriptor[];
  /** Exits that no daemon has said to have recorded. */
  readonly exits: readonly ExitRecord[];
}

/** Keeper → daemon. */
export type KeeperMessage =
  | { readonly type: 'reply'; readonly id: number; readonly welcome?: Welcome }
  | { readonly type: 'refused'; readonly id: number; readonly why: string }
  | { readonly type: 'exit'; readonly exit: ExitRecord };

/** What the start of the keeper hands it, as environment variables. */
export interface KeeperEnvironment {
  /** Directory of unix.socket, keeper.socket, keeper.pid, keeper.lock, u0.json. */
  readonly WARREN_RUNTIME_DIR: string;
  /** Directory of warren.db, exits.jsonl, layers, images, logs. */
  readonly WARREN_DATA_DIR: string;
  /**
   * As the host sees it, the cgroup2 directory that is the root of U0's cgroup namespace. Absent
   * where U0 has none of its own (a systemd user manager, or nothing delegated).
   */
  readonly WARREN_CGROUP_DIR?: string;
}

/**
 * What the keeper says on its standard output, one line, when it listens on both sockets; on
 * failure it says a `HostFailure` instead.
 */
export const keeperListens = 'listening';

/** `u0.json`: written by the keeper, read by the host side when a keeper is to be started again. */
export interface U0Record {
  /** A process that does nothing but keep U0's namespaces when the keeper is killed. */
  readonly pin: ProcessIdentity;
  /** `WARREN_CGROUP_DIR` of that U0. */
  readonly cgroupDir?: string;
}

/**
 * Content of `keeper.lock` in the data directory: the keeper that holds the lock, and the directory
 * of its sockets, which is another one for a shell with another `XDG_RUNTIME_DIR`.
 */
export interface KeeperHome extends ProcessIdentity {
  readonly runtimeDir: string;
}

/** `daemon.json`: written by the keeper when it started a daemon. */
export type DaemonRecord = ProcessIdentity;
