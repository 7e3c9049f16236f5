import type { StringMap } from './instances.ts';

export interface ServerEnvironment {
  readonly addresses: readonly string[];
  readonly architectures: readonly string[];
  readonly certificate: string;
  readonly certificate_fingerprint: string;
  readonly driver: string;
  readonly driver_version: string;
  readonly firewall: string;
  readonly kernel: string;
  readonly kernel_architecture: string;
  readonly kernel_features: StringMap;
  readonly kernel_version: string;
  readonly lxc_features: StringMap;
  readonly os_name: string;
  readonly os_version: string;
  readonly project: string;
  readonly server: string;
  readonly server_clustered: false;
  readonly server_event_mode: 'full-mesh';
  readonly server_name: string;
  readonly server_pid: number;
  readonly server_version: string;
  readonly storage: string;
  readonly storage_version: string;
  readonly storage_supported_drivers: readonly {
    readonly Name: string;
    readonly Version: string;
    readonly Remote: boolean;
  }[];
}

/** `GET /1.0`. */
export interface Server {
  readonly config: StringMap;
  readonly api_extensions: readonly string[];
  readonly api_status: 'stable';
  readonly api_version: '1.0';
  readonly auth: 'trusted' | 'untrusted';
  readonly public: false;
  readonly auth_methods: readonly string[];
  readonly environment: ServerEnvironment;
  /** warren's own: what `warren daemon status` and `warren doctor` print. */
  readonly warren: DaemonStatus;
}

export interface DaemonStatus {
  readonly pid: number;
  readonly keeper_pid: number;
  readonly socket: string;
  readonly version: string;
  readonly started_at: string;
  readonly cgroup_driver: 'systemd' | 'cgroupfs' | 'none';
  readonly cgroup_controllers: readonly string[];
  readonly storage_tier: 'redirect' | 'userxattr' | 'fuse' | 'copy';
  readonly uplink: 'slirp4netns' | 'pasta' | 'none';
  readonly instances: number;
  readonly instances_running: number;
  readonly log: string;
  /** The administrator's rules for machines of this host. */
  readonly policy: {
    readonly file: string;
    /** `unusable`: nothing is made, changed or started until root has mended it. */
    readonly state: 'none' | 'applies' | 'unusable';
    /** The rules in a few words, or what is wrong with them; empty when there are none. */
    readonly summary: string;
  };
}

/**
 * `POST /1.0/warren/daemon`, warren's own. `stop` and `restart` are answered before the daemon
 * ends, `host-shutdown` and a `stop` of machines with an operation that stops these first.
 */
export interface DaemonPost {
  readonly action: 'stop' | 'restart' | 'host-shutdown';
  /** With `stop`: the machines as well, and the keeper. */
  readonly machines?: boolean;
}
