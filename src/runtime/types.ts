import type { HostPath } from '../base/brand.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import type { StringMap } from '../contract/api/instances.ts';
import type { IoRates } from '../contract/config/disk-rates.ts';

/** What the runtime needs to make a machine; everything is decided already. */
export interface MachineSpec {
  /** Container id for the OCI runtime and name of the cgroup. A valid instance name. */
  readonly name: string;
  readonly hostname: string;
  readonly root: HostPath;
  readonly idmap: {
    readonly uid: readonly { inside: number; outside: number; count: number }[];
    readonly gid: readonly { inside: number; outside: number; count: number }[];
  };
  /** Init's command, usually `['/sbin/init']`. */
  readonly init: readonly string[];
  readonly environment: StringMap;
  /** UUID that stays with the instance (`container_uuid`). */
  readonly uuid: string;
  readonly mounts: readonly BindMount[];
  readonly nesting: boolean;
  readonly noNewPrivileges: boolean;
  readonly seccomp: SeccompPolicy;
  readonly rlimits: readonly {
    readonly type: string;
    readonly soft: number;
    readonly hard: number;
  }[];
  readonly sysctl: StringMap;
  readonly limits: CgroupLimits;
  /** CPUs that programs in it count; undefined: all that there are. */
  readonly cpus?: readonly number[] | undefined;
}

export interface BindMount {
  readonly source: HostPath;
  /** In the machine; created when missing, component by component without following links. */
  readonly target: string;
  readonly readonly: boolean;
  readonly recursive: boolean;
  /** A directory, or a single file or device node. */
  readonly kind: 'directory' | 'file';
}

export interface SeccompPolicy {
  /** Deny LXD's default list. */
  readonly denyDefault: boolean;
  readonly deny: readonly string[];
  /** When not empty, everything else is refused. */
  readonly allow: readonly string[];
}

/** Values for cgroup v2 files; undefined means no limit. */
export interface CgroupLimits {
  readonly memoryMaxBytes?: number | undefined;
  readonly memoryHighBytes?: number | undefined;
  readonly swapMaxBytes?: number | undefined;
  readonly pidsMax?: number | undefined;
  readonly cpuMax?: { readonly quotaUs: number; readonly periodUs: number } | undefined;
  /** 1 … 10000. */
  readonly cpuWeight?: number | undefined;
  /** `0-1,3`. */
  readonly cpuset?: string | undefined;
  readonly ioWeight?: number | undefined;
  readonly hugetlbMax?: Readonly<Record<string, number>> | undefined;
  /** By block device such as `8:0`: bytes and operations a second, by the kernel's names. */
  readonly ioMax?: Readonly<Record<string, IoRates>> | undefined;
}

export interface CreatedMachine {
  readonly init: ProcessIdentity;
  /** Master side of /dev/console. The caller owns and closes it. */
  readonly consoleFd: number;
  /**
   * Own slave side, kept open so that the master never reads EIO. The caller owns and closes it.
   */
  readonly consoleKeepaliveFd: number;
}

export interface ExecSpec {
  readonly command: readonly string[];
  readonly environment: StringMap;
  readonly cwd: string;
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  /** As those of the machine. */
  readonly cpus?: readonly number[] | undefined;
  /** With a pty of that size, or with three pipes. */
  readonly terminal?: { readonly width: number; readonly height: number } | undefined;
}

/**
 * A running exec. `stdin`, `stdout`, `stderr` are pipes, or `pty` is the master as one duplex
 * stream.
 */
export interface ExecSession {
  readonly stdio:
    | {
        readonly kind: 'pipes';
        readonly stdin: NodeJS.WritableStream;
        readonly stdout: NodeJS.ReadableStream;
        readonly stderr: NodeJS.ReadableStream;
        /** For chunks of stdout that nobody reads any more: the next are read into their memory. */
        giveBack(chunk: Buffer): void;
      }
    | { readonly kind: 'pty'; readonly stream: NodeJS.ReadWriteStream };
  /** Exit status, 128 + n for signal n. Settles once, after the process ended. */
  readonly exited: Promise<number>;
  resize(width: number, height: number): void;
  /** Signals the process inside, as the machine's root. */
  signal(signal: number): void;
  /** Kills it and everything it started that still hangs on its stdio. */
  kill(): void;
}

export interface CgroupReport {
  readonly driver: 'systemd' | 'cgroupfs' | 'none';
  /** Controllers machines can be limited with. */
  readonly controllers: readonly string[];
  /** Why nothing better, for doctor. */
  readonly why: string;
}

export interface MachineUsage {
  /** Nanoseconds. */
  readonly cpuUsageNs: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  readonly memoryMaxBytes: number | undefined;
  readonly swapBytes: number;
  readonly processes: number;
  /** The limit as the kernel has it; undefined: none. */
  readonly processesMax: number | undefined;
}

/**
 * The kernel's own account of a machine, with its names: see cgroup-v2.rst. Undefined: not
 * delegated.
 */
export interface MachineAccounts {
  /** Of cpu.stat; microseconds. */
  readonly cpu: Readonly<Record<string, number>>;
  /** Of memory.stat; bytes. */
  readonly memory: Readonly<Record<string, number>> | undefined;
  readonly memoryEvents: Readonly<Record<string, number>> | undefined;
  /** Of io.stat, by `MAJOR:MINOR`. */
  readonly io: Readonly<Record<string, Readonly<Record<string, number>>>>;
}

/** A running machine's `/` as its init has it. Disposing closes it. */
export interface MachineRoot extends Disposable {
  /** O_PATH. */
  readonly fd: number;
  /**
   * Its /proc/PID/mountinfo. Throws ESRCH once init has ended, `hostile` for more than 1 MiB of it.
   */
  mountinfo(): string;
}

/** The OCI runtime and the cgroup driver. It never asks `crun state` whether a machine lives. */
export interface Runtime {
  readonly cgroup: CgroupReport;
  /** CPUs that this daemon may use, ascending. */
  readonly cpus: readonly number[];
  /**
   * Throws `limit_unenforceable` for a limit whose controller is missing, `unsupported` when init
   * needs a cgroup and there is no driver. Run before anything is made.
   */
  checkLimits(name: string, limits: CgroupLimits, keys: Readonly<Record<string, string>>): void;
  /**
   * `crun create`: namespaces exist, init waits. The caller then attaches the network and starts.
   */
  create(spec: MachineSpec, options: { signal?: AbortSignal }): Promise<CreatedMachine>;
  start(name: string): Promise<void>;
  /** Mounts in a running machine, as `create` would have; a mount at the target is covered. */
  attachMount(name: string, init: ProcessIdentity, bind: BindMount): Promise<void>;
  /** Takes away the topmost mount at `target`; none is fine. */
  detachMount(name: string, init: ProcessIdentity, target: string): Promise<void>;
  exec(name: string, spec: ExecSpec): Promise<ExecSession>;
  /** The root that a machine has, in its own mount namespace; undefined when its init has ended. */
  findRoot(init: ProcessIdentity): MachineRoot | undefined;
  /** Whether this very process still runs (its pidfd is not readable). */
  isAlive(init: ProcessIdentity): boolean;
  /** Calls back once when the process ends, whoever its parent is. Disposing stops watching. */
  watchExit(init: ProcessIdentity, onExit: () => void): Disposable;
  /** Calls `onReady` once when init said READY=1. Disposing stops listening. */
  listenNotify(name: string, onReady: () => void): Promise<Disposable>;
  /** Asks init to shut down with the signal it understands. */
  requestShutdown(init: ProcessIdentity): void;
  /** Kills everything in the machine's cgroup, or its pid namespace through init. */
  killAll(name: string, init: ProcessIdentity | undefined): Promise<void>;
  freeze(name: string, timeoutMs: number): Promise<void>;
  thaw(name: string): Promise<void>;
  /** Sets limits of a running machine; reads each back. */
  applyLimits(name: string, limits: CgroupLimits): Promise<void>;
  /** Has all that runs in a machine run on these CPUs. No limit: its root may choose others. */
  showCpus(name: string, cpus: readonly number[]): void;
  /** Whether `renewViews` has something to do. */
  hasOldViews(name: string, init: ProcessIdentity): Promise<boolean>;
  /**
   * Brings the files by which a running machine sees its own limits to those of the lxcfs that runs
   * now; it sees the host's when there is none. Whoever calls holds the machine.
   */
  renewViews(name: string, init: ProcessIdentity): Promise<void>;
  usage(name: string): Promise<MachineUsage | undefined>;
  /** Undefined when it has no cgroup. */
  accounts(name: string): MachineAccounts | undefined;
  /** Every limit that the kernel holds a running machine to: file of its cgroup → what it says. */
  heldLimits(name: string): Readonly<Record<string, string>>;
  /** Removes runtime state, cgroup and notify directory of a machine that has ended. Idempotent. */
  delete(name: string): Promise<void>;
  /** Names that have runtime state or a cgroup, for recovery. */
  list(): Promise<string[]>;
}
