import type { StatusName } from './envelope.ts';

export type StringMap = Readonly<Record<string, string>>;
/** Device name → its keys, `type` among them. */
export type DeviceMap = Readonly<Record<string, StringMap>>;

/** What `PUT /1.0/instances/<name>` replaces. */
export interface InstancePut {
  readonly architecture: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly ephemeral: boolean;
  readonly profiles: readonly string[];
  readonly stateful: boolean;
  readonly description: string;
}

/** `GET /1.0/instances/<name>`. */
export interface Instance extends InstancePut {
  readonly name: string;
  readonly type: 'container';
  readonly project: string;
  readonly location: 'none';
  readonly status: StatusName;
  readonly status_code: number;
  readonly created_at: string;
  readonly last_used_at: string;
  readonly expanded_config: StringMap;
  readonly expanded_devices: DeviceMap;
}

export interface InstanceStateNetwork {
  readonly type: 'loopback' | 'broadcast' | 'point-to-point' | 'unknown';
  readonly state: 'up' | 'down';
  readonly hwaddr: string;
  readonly host_name: string;
  readonly mtu: number;
  readonly addresses: readonly {
    readonly family: 'inet' | 'inet6';
    readonly address: string;
    readonly netmask: string;
    readonly scope: 'global' | 'link' | 'local';
  }[];
  readonly counters: {
    readonly bytes_received: number;
    readonly bytes_sent: number;
    readonly packets_received: number;
    readonly packets_sent: number;
    readonly errors_received: number;
    readonly errors_sent: number;
    readonly packets_dropped_inbound: number;
    readonly packets_dropped_outbound: number;
  };
}

/** `GET /1.0/instances/<name>/state`. */
export interface InstanceState {
  readonly status: StatusName;
  readonly status_code: number;
  /** 0 when stopped. */
  readonly pid: number;
  readonly processes: number;
  /** Nanoseconds. */
  readonly cpu: { readonly usage: number };
  /** Bytes. */
  readonly memory: {
    readonly usage: number;
    readonly usage_peak: number;
    readonly total: number;
    readonly swap_usage: number;
    readonly swap_usage_peak: number;
  };
  readonly disk: Readonly<Record<string, { readonly usage: number; readonly total: number }>>;
  readonly network: Readonly<Record<string, InstanceStateNetwork>>;
  /** warren's own: what a person asks first. Times are RFC 3339. */
  readonly warren?: {
    /**
     * `booted` once init said READY=1 (or was given no way to say it), `degraded` with failed
     * units.
     */
    readonly boot: 'starting' | 'booted' | 'degraded' | 'stopped';
    readonly started_at: string | null;
    readonly booted_at: string | null;
    /** Milliseconds from start to READY=1. */
    readonly boot_ms: number | null;
    /** The limit of processes that the kernel holds; null: none. */
    readonly processes_max: number | null;
    /** Why it is not running: `halted`, `crashed (signal 9)`, `stopped, reason unknown`. */
    readonly last_exit: string | null;
    /** Of the host: what `ps` there shows for the machine's root, and how many follow. */
    readonly ids: { readonly start: number; readonly size: number; readonly isolated: boolean };
    /**
     * What the kernel says it holds the machine to: files of its cgroup (`memory.max`),
     * `limits.kernel.…` of its init, `linux.sysctl.…` of its namespaces, null for one that can only
     * be written. Empty in lists.
     */
    readonly limits: Readonly<Record<string, string | null>>;
  };
}

/** `GET /1.0/instances/<name>/snapshots/<snapshot>`. */
export interface InstanceSnapshot {
  readonly name: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly last_used_at: string;
  readonly stateful: boolean;
  /** Bytes. */
  readonly size: number;
  readonly architecture: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly expanded_config: StringMap;
  readonly expanded_devices: DeviceMap;
  readonly profiles: readonly string[];
  readonly ephemeral: boolean;
}

/** `recursion=2`. */
export interface InstanceFull extends Instance {
  readonly state: InstanceState;
  readonly snapshots: readonly InstanceSnapshot[];
  readonly backups: readonly unknown[];
}

export type InstanceSource =
  | {
      readonly type: 'image';
      readonly alias?: string;
      readonly fingerprint?: string;
      readonly properties?: StringMap;
      readonly server?: string;
      readonly protocol?: string;
      readonly mode?: string;
    }
  | { readonly type: 'none' }
  | {
      readonly type: 'copy';
      /** `name` or `name/snapshot`. */
      readonly source: string;
      readonly instance_only?: boolean;
      readonly refresh?: boolean;
    };

/** `POST /1.0/instances/<name>`: rename, or with `project` a move into that one. */
export interface InstancePost {
  readonly name: string;
  readonly migration?: boolean;
  readonly project?: string;
}

/** `POST /1.0/instances/<name>/snapshots`. */
export interface InstanceSnapshotsPost {
  /** Empty or absent: named by `snapshots.pattern`. */
  readonly name?: string;
  readonly stateful?: boolean;
  /** RFC 3339; null or absent: `snapshots.expiry`; `noTime`: never. */
  readonly expires_at?: string | null;
}

/** `POST /1.0/instances/<name>/console`. */
export interface InstanceConsolePost {
  readonly width?: number;
  readonly height?: number;
  readonly type?: string;
}

/** `GET /1.0/instances/<name>/metadata`. */
export interface ImageMetadataView {
  readonly architecture: string;
  /** Unix seconds. */
  readonly creation_date: number;
  readonly expiry_date: number;
  readonly properties: StringMap;
  readonly templates: Readonly<
    Record<
      string,
      {
        readonly when: readonly string[];
        readonly create_only: boolean;
        readonly template: string;
        readonly properties: StringMap;
      }
    >
  >;
}

/** `POST /1.0/instances`. */
export interface InstancesPost extends Partial<Omit<InstancePut, 'profiles'>> {
  /** Empty or absent: the server chooses. */
  readonly name?: string;
  /** Null or absent: the image's profiles or `default`; an empty list: none. */
  readonly profiles?: readonly string[] | null;
  readonly source: InstanceSource;
  readonly type?: string;
  readonly instance_type?: string;
  /** Start it in the same operation (extension `instance_create_start`). */
  readonly start?: boolean;
}

/** `PUT /1.0/instances/<name>/state`. */
export interface InstanceStatePut {
  readonly action: 'start' | 'stop' | 'restart' | 'freeze' | 'unfreeze';
  /** Seconds; -1 waits as long as the server thinks fit, 0 with stop kills. */
  readonly timeout?: number;
  readonly force?: boolean;
  readonly stateful?: boolean;
}

/** `POST /1.0/instances/<name>/exec`. */
export interface InstanceExecPost {
  readonly command: readonly string[];
  readonly environment?: StringMap;
  readonly 'wait-for-websocket'?: boolean;
  readonly interactive?: boolean;
  /** Kept for two days, as a log of the machine. */
  readonly 'record-output'?: boolean;
  readonly width?: number;
  readonly height?: number;
  readonly user?: number;
  readonly group?: number;
  readonly cwd?: string;
}
