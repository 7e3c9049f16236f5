import type { HostPath } from '../base/brand.ts';
import type { ExitRecord } from '../contract/keeper.ts';
import type { Paths } from '../contract/paths.ts';
import type { PolicySource } from '../contract/policy/policy.ts';
import type { Images, WorkContext } from '../image/types.ts';
import type { Networks } from '../network/types.ts';
import type { Runtime } from '../runtime/types.ts';
import type { StorageService } from '../storage/types.ts';
import type { Store } from '../store/store.ts';
import type { IdMap } from '../userns/types.ts';
import type { LiveMachines } from './live/machines.ts';

export type { Progress, WorkContext } from '../image/types.ts';
export type {
  ImageAliasRecord,
  ImageRecord,
  ImageSourceRecord,
  InstanceRecord,
  LastExit,
  MetadataRecord,
  NetworkRecord,
  ProfileRecord,
  ProjectRecord,
  RunRecord,
  SliceRecord,
  SnapshotRecord,
  StoragePoolRecord,
  VolumeRecord,
  WarningRecord,
} from '../store/records.ts';

/** For work that nobody watches or cancels: recovery, restarts asked for from inside a machine. */
export const unattended: WorkContext = {
  signal: new AbortController().signal,
  progress: () => undefined,
};

/**
 * What every worker of the engine works with. Built once, in `daemon/main.ts`, by `createEngine`.
 */
export interface EngineDeps {
  readonly store: Store;
  readonly storage: StorageService;
  readonly images: Images;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly keeper: KeeperLink;
  readonly events: EventSink;
  readonly log: Log;
  readonly paths: Paths;
  readonly ids: HostIds;
  /** What the administrator of the host allows. */
  readonly policy: PolicySource;
  /** Directory with the shipped `*.yaml` profiles. */
  readonly profilesDir: HostPath;
  /** /proc/sys/kernel/random/boot_id of the host. */
  readonly bootId: string;
  /** Canonical name of this host's architecture: `x86_64`, `aarch64`. */
  readonly architecture: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Locks, watchers, consoles and listeners of machines, in memory. */
  readonly live: LiveMachines;
}

/** Whose ids machines get. */
export interface HostIds {
  /** Account name, for error sentences. */
  readonly user: string;
  /** U0's own map, from /proc/self/uid_map and gid_map: its id 0 is the user. */
  readonly u0: IdMap;
}

/** Shaped as pino's methods, so that the daemon passes its logger as it is. */
export interface Log {
  debug(context: object, message: string): void;
  info(context: object, message: string): void;
  warn(context: object, message: string): void;
  error(context: object, message: string): void;
}

/** Where lifecycle events go; the daemon turns a subject into a URL. Must not throw. */
export interface EventSink {
  lifecycle(event: LifecycleEvent): void;
}

export interface LifecycleEvent {
  /** LXD's names: `instance-created`, `instance-started`, `image-alias-created`, … */
  readonly action: string;
  readonly subject: LifecycleSubject;
  readonly context: Readonly<Record<string, unknown>>;
}

export type LifecycleSubject =
  | {
      readonly kind: 'instance' | 'profile' | 'network' | 'volume' | 'project' | 'storage-pool';
      readonly name: string;
    }
  | {
      readonly kind: 'image' | 'image-alias';
      readonly project: string;
      readonly name: string;
    }
  | {
      readonly kind: 'instance-snapshot' | 'instance-backup';
      readonly instance: string;
      readonly name: string;
    }
  | {
      readonly kind: 'volume-snapshot' | 'volume-backup';
      readonly volume: string;
      readonly name: string;
    };

/** The daemon's side of the connection to the keeper; `engine/keeper` implements it. */
export interface KeeperLink {
  readonly keeperPid: number;
  /** Exits the keeper journalled before this daemon connected and nobody has recorded. */
  readonly pendingExits: readonly ExitRecord[];
  /** Calls back for each exit from now on. Disposing stops it. */
  onExit(listener: (exit: ExitRecord) => void): Disposable;
  /** The journal may forget exits up to and including `sequence`. */
  forgetExits(sequence: number): Promise<void>;
  /** Has the keeper hold a duplicate of `fd` under `name`. `fd` stays the caller's. */
  store(name: string, kind: 'console' | 'plain', fd: number): Promise<void>;
  /** A duplicate of a held descriptor, which the caller owns, with what was drained meanwhile. */
  fetch(name: string): Promise<{ readonly fd: number; readonly drained: Buffer } | undefined>;
  /** The keeper closes its duplicate. Absent is fine. */
  drop(name: string): Promise<void>;
  /** Names of everything held. */
  names(): readonly string[];
}
