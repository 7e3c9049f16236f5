import type { HostPath } from '../base/brand.ts';
import type { DeviceMap, StringMap } from '../contract/api/instances.ts';
import type { ExitRecord } from '../contract/keeper.ts';
import type { Paths } from '../contract/paths.ts';
import type { Images, WorkContext } from '../image/types.ts';
import type { Networks } from '../network/types.ts';
import type { ProcessIdentity, Runtime } from '../runtime/types.ts';
import type { LayerId, Storage } from '../storage/types.ts';
import type { Store } from '../store/store.ts';
import type { Grant } from '../userns/types.ts';
import type { LiveMachines } from './live/machines.ts';

export type { Progress, WorkContext } from '../image/types.ts';

/** For work that nobody watches or cancels: recovery, restarts asked for from inside a machine. */
export const unattended: WorkContext = {
  signal: new AbortController().signal,
  progress: () => undefined,
};

/** What every worker of the engine works with. Built once, in `daemon/main.ts`, by `createEngine`. */
export interface EngineDeps {
  readonly store: Store;
  readonly storage: Storage;
  readonly images: Images;
  readonly runtime: Runtime;
  readonly networks: Networks;
  readonly keeper: KeeperLink;
  readonly events: EventSink;
  readonly log: Log;
  readonly paths: Paths;
  readonly ids: HostIds;
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
  readonly hostUid: number;
  readonly hostGid: number;
  /** In the order in which U0 maps them: the first id of the first grant is U0 id 1. */
  readonly uidGrants: readonly Grant[];
  readonly gidGrants: readonly Grant[];
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
      readonly kind: 'instance' | 'image' | 'image-alias' | 'profile' | 'network';
      readonly name: string;
    }
  | { readonly kind: 'instance-snapshot'; readonly instance: string; readonly name: string };

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

/** Why a machine is not running. */
export type LastExit =
  | { readonly kind: 'halted' }
  | { readonly kind: 'rebooted' }
  | { readonly kind: 'killed' }
  | { readonly kind: 'crashed'; readonly detail: string }
  | { readonly kind: 'host-restart' }
  | { readonly kind: 'unknown' };

/** A machine as the database has it. */
export interface InstanceRecord {
  /** Names its directories; stays when it is renamed. */
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly architecture: string;
  readonly ephemeral: boolean;
  /** Its own keys, `volatile.*` among them. */
  readonly config: StringMap;
  readonly devices: DeviceMap;
  /** In order of application. */
  readonly profiles: readonly string[];
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly slice: SliceRecord;
  /** Shared read-only layers below its own directory, top first. */
  readonly layers: readonly LayerId[];
  /** What was last started, until its end was recorded. Says nothing about now: see `statusOf`. */
  readonly run: RunRecord | undefined;
  readonly lastExit: LastExit | undefined;
}

/** U0 ids `start … start + size - 1`. */
export interface SliceRecord {
  readonly start: number;
  readonly size: number;
  /** No other machine has ids in common with it. */
  readonly isolated: boolean;
}

export interface RunRecord {
  readonly init: ProcessIdentity;
  readonly startedAtMs: number;
  readonly bootedAtMs: number | undefined;
}

export interface SnapshotRecord {
  readonly id: number;
  readonly instanceId: number;
  readonly name: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly architecture: string;
  readonly ephemeral: boolean;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly profiles: readonly string[];
  /** Top first; the first is what the machine had of its own. */
  readonly layers: readonly LayerId[];
  readonly sizeBytes: number;
}

export interface ImageRecord {
  readonly id: number;
  readonly fingerprint: string;
  readonly architecture: string;
  readonly filename: string;
  readonly sizeBytes: number;
  readonly properties: StringMap;
  readonly profiles: readonly string[];
  readonly public: boolean;
  readonly autoUpdate: boolean;
  /** Made or fetched on demand for a launch, not asked for by itself. */
  readonly cached: boolean;
  readonly createdAtMs: number;
  readonly uploadedAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** `unified`: one file; `split`: metadata and rootfs. */
  readonly format: 'unified' | 'split';
  /** What it was built from, such as `debian/12`. */
  readonly recipe: string | undefined;
  readonly aliases: readonly ImageAliasRecord[];
}

export interface ImageAliasRecord {
  readonly name: string;
  readonly description: string;
  readonly fingerprint: string;
}

export interface ProfileRecord {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

export interface NetworkRecord {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}
