import type { BindMount } from '../types.ts';
import type { OciMount } from './types.ts';

/** Covered in every machine but those with nesting. */
export const bootIdPath = '/proc/sys/kernel/random/boot_id';

export interface MountPlan {
  /** Directory of the machine's notify socket, container-manager and boot_id; seen at /run/host. */
  readonly hostDir: string;
  readonly nesting: boolean;
  /** Whether there is a cgroup of the machine's own to show. */
  readonly cgroup: boolean;
  /** Files of the host's to be seen instead of those of procfs and sysfs. */
  readonly views: readonly BindMount[];
}

/**
 * What the OCI runtime mounts over the root, in order. The six standard device nodes are not here:
 * in a user namespace the runtime bind-mounts them itself. Directories of the host follow later
 * (`plugBinds`).
 */
export function planMounts({ hostDir, nesting, cgroup, views }: MountPlan): OciMount[] {
  return [
    mount('/proc', 'proc', ['nosuid', 'noexec', 'nodev']),
    mount('/dev', 'tmpfs', ['nosuid', 'strictatime', 'mode=755', 'size=65536k']),
    mount('/dev/pts', 'devpts', [
      'nosuid',
      'noexec',
      'newinstance',
      'ptmxmode=0666',
      'mode=0620',
      'gid=5',
    ]),
    mount('/dev/shm', 'tmpfs', ['nosuid', 'nodev', 'mode=1777'], 'shm'),
    mount('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
    // Read-only /sys is the sign that stops udev and its like.
    mount('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
    ...(cgroup
      ? [mount('/sys/fs/cgroup', 'cgroup', ['rw', 'nosuid', 'noexec', 'nodev', 'relatime'])]
      : []),
    mount('/run', 'tmpfs', ['nosuid', 'nodev', 'strictatime', 'mode=755', 'size=20%']),
    mount('/run/lock', 'tmpfs', ['nosuid', 'nodev', 'noexec', 'mode=1777', 'size=5m']),
    bind(hostDir, '/run/host', ['bind', 'ro', 'nosuid', 'nodev', 'noexec']),
    ...(nesting ? [] : [ownBootId(hostDir), ...views.map(viewMount)]),
  ];
}

/**
 * /proc shows the host's boot id, so that every machine, and every boot of one, would look the
 * same. Not with nesting: the kernel lets a nested user namespace mount proc only where it sees one
 * that nothing covers (mount_too_revealing), and the runtime mounts a second proc nowhere but at
 * /proc.
 */
function ownBootId(hostDir: string): OciMount {
  return bind(`${hostDir}/boot_id`, bootIdPath, ['bind', 'ro']);
}

/** They come from a mount that the host's namespace locks as nosuid and nodev, and stay so. */
function viewMount({ source, target }: BindMount): OciMount {
  return bind(source, target, ['bind', 'ro', 'nosuid', 'nodev']);
}

/**
 * What a guest has no use for and could read through procfs. No boundary: the machine's root can
 * unmount these, and the kernel guards what matters by host capabilities. With nesting there are
 * none, because each would stop an inner runtime from mounting its own proc.
 */
export function maskedPaths(nesting: boolean): string[] {
  if (nesting) return [];
  return [
    '/proc/acpi',
    '/proc/asound',
    '/proc/kcore',
    '/proc/latency_stats',
    '/proc/scsi',
    '/proc/timer_list',
    '/sys/firmware',
  ];
}

export function readonlyPaths(nesting: boolean): string[] {
  return nesting ? [] : ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger'];
}

function mount(
  destination: string,
  type: string,
  options: readonly string[],
  source = type,
): OciMount {
  return { destination, type, source, options };
}

function bind(source: string, destination: string, options: readonly string[]): OciMount {
  return { destination, type: 'bind', source, options };
}
