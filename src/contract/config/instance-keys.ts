import type { KeyRow } from './key.ts';

const rlimits =
  'as|core|cpu|data|fsize|locks|memlock|msgqueue|nice|nofile|nproc|rss|rtprio|rttime|sigpending|stack';

/**
 * Sysctls that the kernel keeps per network or ipc namespace: the only ones a machine has for
 * itself.
 */
const ownSysctl =
  /^(?:net\.[A-Za-z0-9_.\-/]+|fs\.mqueue\.[a-z_]+|kernel\.(?:msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced))$/;

/**
 * Every instance config key that warren knows. Names, meaning and defaults are LXD's; warren's own
 * keys begin with `warren.`, so that nobody takes them for LXD's and no later LXD key collides.
 */
export const instanceKeys = [
  {
    key: 'boot.autostart',
    type: 'bool',
    live: true,
    summary: 'Start with the daemon; unset restores the last power state',
  },
  {
    key: 'boot.autostart.delay',
    type: 'integer',
    default: '0',
    min: 0,
    max: 86_400,
    live: true,
    summary: 'Seconds to wait after this machine before the next one is started',
  },
  {
    key: 'boot.autostart.priority',
    type: 'integer',
    default: '0',
    min: -1_000_000,
    max: 1_000_000,
    live: true,
    summary: 'Machines with a higher number start first',
  },
  {
    key: 'boot.stop.priority',
    type: 'integer',
    default: '0',
    min: -1_000_000,
    max: 1_000_000,
    live: true,
    summary: 'Machines with a higher number stop first',
  },
  {
    key: 'boot.host_shutdown_timeout',
    type: 'integer',
    default: '30',
    min: 0,
    max: 86_400,
    live: true,
    summary:
      'Seconds a machine gets to shut down before it is killed when warren or the host goes down',
  },
  {
    key: 'environment.*',
    type: 'text',
    live: true,
    rest: {
      pattern: /^[A-Za-z_][A-Za-z0-9_]*$/,
      wanted: 'a variable name such as environment.LANG',
    },
    summary: 'Environment variable for init at the next start and for exec at once',
  },
  {
    key: 'limits.cpu',
    type: 'cpus',
    live: true,
    summary:
      'A number of CPUs worth of time (2), or the CPUs to run on (0-3 or 1,3; one CPU is 1-1)',
  },
  {
    key: 'limits.cpu.allowance',
    type: 'cpu-allowance',
    live: true,
    summary: 'Share of CPU time under contention (50%), or a hard quota (25ms/100ms)',
  },
  {
    key: 'limits.cpu.priority',
    type: 'integer',
    default: '10',
    min: 0,
    max: 10,
    live: true,
    summary: 'Who goes first among machines with the same CPU share, 10 before 0',
  },
  {
    key: 'limits.disk.priority',
    type: 'integer',
    default: '5',
    min: 0,
    max: 10,
    live: true,
    summary: 'Share of disk time under contention, 0 to 10',
  },
  {
    key: 'limits.hugepages.64KB',
    type: 'size',
    live: true,
    summary: 'Most 64 KB huge pages, in bytes',
  },
  {
    key: 'limits.hugepages.1MB',
    type: 'size',
    live: true,
    summary: 'Most 1 MB huge pages, in bytes',
  },
  {
    key: 'limits.hugepages.2MB',
    type: 'size',
    live: true,
    summary: 'Most 2 MB huge pages, in bytes',
  },
  {
    key: 'limits.hugepages.1GB',
    type: 'size',
    live: true,
    summary: 'Most 1 GB huge pages, in bytes',
  },
  {
    key: 'limits.kernel.*',
    type: 'rlimit',
    live: false,
    rest: {
      pattern: new RegExp(`^(?:${rlimits})$`),
      wanted: `one of ${rlimits.replaceAll('|', ', ')}`,
    },
    summary:
      'Resource limit of init and all it starts, as soft:hard, one number or unlimited (setrlimit(2))',
  },
  {
    key: 'limits.memory',
    type: 'size-or-percent',
    live: true,
    summary: "Most memory, as a size (512MiB) or a share of the host's (25%)",
  },
  {
    key: 'limits.memory.enforce',
    type: 'choice',
    default: 'hard',
    values: ['hard', 'soft'],
    live: true,
    summary: 'hard never lets the machine have more memory, soft only slows it down and reclaims',
  },
  {
    key: 'limits.memory.swap',
    type: 'size-or-bool',
    default: 'true',
    live: true,
    summary: "Whether the machine's memory may be swapped out, or the most that may (256MiB)",
  },
  {
    key: 'limits.processes',
    type: 'integer',
    min: 1,
    max: 4_194_304,
    live: true,
    summary: 'Most processes and threads',
  },
  {
    key: 'linux.sysctl.*',
    type: 'text',
    live: false,
    rest: {
      pattern: ownSysctl,
      wanted:
        'a sysctl that a machine has for itself: net.*, fs.mqueue.*, kernel.msg*, kernel.sem or kernel.shm*',
    },
    summary: 'Kernel setting inside the machine',
  },
  {
    key: 'raw.idmap',
    type: 'idmap',
    live: false,
    summary: 'Lines such as "both 1000 1000" that give a host id of yours a place in the machine',
  },
  {
    key: 'security.devlxd',
    type: 'bool',
    values: ['false'],
    why: 'there is no /dev/lxd in machines',
    live: false,
    summary: 'The guest API at /dev/lxd, which warren does not have',
  },
  {
    key: 'security.idmap.isolated',
    type: 'bool',
    live: false,
    summary: 'Ids that no other machine has; unset means yes when the grant is large enough',
  },
  {
    key: 'security.idmap.base',
    type: 'integer',
    min: 1,
    max: 4_294_967_294,
    live: false,
    summary:
      "The machine's first id, counted from 1 among those that you are granted; unset: warren chooses",
  },
  {
    key: 'security.idmap.size',
    type: 'integer',
    min: 1,
    max: 4_294_967_294,
    live: false,
    also: ['compact'],
    summary:
      'How many ids the machine gets, or compact for the 7337 that a Debian needs; unset means 65536',
  },
  {
    key: 'security.nesting',
    type: 'bool',
    default: 'false',
    live: false,
    summary: 'Allow containers inside, such as Docker or Podman',
  },
  {
    key: 'security.privileged',
    type: 'bool',
    default: 'false',
    values: ['false'],
    why: 'every machine lives in a user namespace of its own, there is nothing to be privileged with',
    live: false,
    summary: 'A machine without a user namespace, which warren never makes',
  },
  {
    key: 'security.protection.delete',
    type: 'bool',
    default: 'false',
    live: true,
    summary: 'Refuse to delete the machine',
  },
  {
    key: 'security.syscalls.deny_default',
    type: 'bool',
    default: 'true',
    oldNames: ['security.syscalls.blacklist_default'],
    live: false,
    summary: 'Deny the system calls no machine needs, such as kexec_load and init_module',
  },
  {
    key: 'security.syscalls.deny_compat',
    type: 'bool',
    default: 'false',
    values: ['false'],
    why: 'a seccomp policy holds for native and 32-bit system calls alike',
    oldNames: ['security.syscalls.blacklist_compat'],
    live: false,
    summary: 'Deny all 32-bit system calls',
  },
  {
    key: 'security.syscalls.deny',
    type: 'syscalls',
    oldNames: ['security.syscalls.blacklist'],
    live: false,
    summary: 'System calls to deny, one per line or separated by commas',
  },
  {
    key: 'security.syscalls.allow',
    type: 'syscalls',
    oldNames: ['security.syscalls.whitelist'],
    live: false,
    summary: 'When set, the only system calls that are not denied',
  },
  {
    key: 'snapshots.schedule',
    type: 'schedule',
    live: true,
    summary:
      'When to snapshot: five cron fields, or @hourly, @daily, @weekly, @monthly, @yearly, @startup, @never',
  },
  {
    key: 'snapshots.schedule.stopped',
    type: 'bool',
    default: 'false',
    live: true,
    summary: 'Take scheduled snapshots of a stopped machine too',
  },
  {
    key: 'snapshots.pattern',
    type: 'snapshot-pattern',
    default: 'snap%d',
    live: true,
    summary:
      'Name of snapshots nobody named: %d is the next free number, {{ creation_date }} the time in UTC',
  },
  {
    key: 'snapshots.expiry',
    type: 'expiry',
    live: true,
    summary: 'How long new snapshots live, such as "2d" or "1w 12H" (S M H d w m y)',
  },
  {
    key: 'user.*',
    type: 'text',
    live: true,
    summary: 'Free notes of yours, which can be searched for in list',
  },
  {
    key: 'image.*',
    type: 'text',
    live: true,
    instanceOnly: true,
    summary: 'Properties of the image the machine was made from',
  },
  {
    key: 'volatile.*',
    type: 'text',
    live: true,
    instanceOnly: true,
    summary: "warren's own records about the machine; you can read them and should not change them",
  },
  {
    key: 'warren.no_new_privileges',
    type: 'bool',
    default: 'false',
    live: false,
    summary:
      'No process inside gains rights from a setuid program or file capabilities (PR_SET_NO_NEW_PRIVS)',
  },
  {
    key: 'warren.limits.missing',
    type: 'choice',
    default: 'refuse',
    values: ['refuse', 'warn'],
    live: true,
    summary:
      'Where the host does not delegate the controller of a limit: refuse to start, or start and warn. In a profile it is for the profile’s own limits: one set on the machine is refused anyway',
  },
] as const satisfies readonly KeyRow[];
