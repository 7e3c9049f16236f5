import { idRuns, type IdRange } from '../../base/id-layout.ts';
import type { HostPath } from '../../base/brand.ts';
import { splitAlong, type IdMapLine } from '../../sys/proc/idmap.ts';

/** What a child may do, from least to most. */
export type SandboxKind =
  /** Reads standard input and writes standard output; no file but the system's programs. */
  | 'stream'
  /** Works on the files of a machine below /image/rootfs with the capabilities tar needs. */
  | 'files'
  /**
   * Installs packages: all of a namespaced root's capabilities, the host's network, /etc to read.
   */
  | 'build';

export interface SandboxMount {
  readonly source: HostPath;
  readonly destination: string;
  readonly readonly: boolean;
}

export interface SandboxSpec {
  readonly kind: SandboxKind;
  readonly command: readonly string[];
  /** The child's ids are those that a machine which owns these has. */
  readonly ids: IdRange;
  readonly mounts: readonly SandboxMount[];
  readonly env?: Readonly<Record<string, string>>;
  /** Longest file the child may write. */
  readonly maxFileBytes?: number | undefined;
}

/** Where the mounted tree is, for the child. */
export const sandboxTree = '/image/rootfs';

const fileCapabilities = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_MKNOD',
  'CAP_SETFCAP',
];

const capabilities: Readonly<Record<SandboxKind, readonly string[]>> = {
  stream: [],
  files: fileCapabilities,
  build: [
    ...fileCapabilities,
    'CAP_KILL',
    'CAP_NET_BIND_SERVICE',
    'CAP_SETGID',
    'CAP_SETPCAP',
    'CAP_SETUID',
    'CAP_SYS_ADMIN',
    'CAP_SYS_CHROOT',
  ],
};

/** The id maps of the namespace that sandboxes are made in. */
export interface ParentMaps {
  readonly uid: readonly IdMapLine[];
  readonly gid: readonly IdMapLine[];
}

/**
 * The OCI configuration of one child. `root` is a directory of mount points and links only, seen
 * read-only. Every namespace is fresh but for a builder's network.
 */
export function formatSandboxConfig(spec: SandboxSpec, root: HostPath, parent: ParentMaps): string {
  const { kind, command, ids, mounts, env = {}, maxFileBytes } = spec;
  const map = (own: readonly IdMapLine[]) =>
    splitAlong(idRuns(ids), own).map(({ inside, outside, count }) => ({
      containerID: inside,
      hostID: outside,
      size: count,
    }));
  const held = capabilities[kind];
  const namespaces = [
    'user',
    'mount',
    'pid',
    'ipc',
    'uts',
    ...(kind === 'build' ? [] : ['network']),
  ];
  const environment = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...env };
  return JSON.stringify({
    ociVersion: '1.0.2',
    root: { path: root, readonly: true },
    hostname: 'warren',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      cwd: '/',
      // The runtime dies with the daemon and takes this process, and so its pid namespace, along.
      args: ['setpriv', '--pdeathsig', 'KILL', '--', ...command],
      env: Object.entries(environment).map(([key, value]) => `${key}=${value}`),
      capabilities: { bounding: held, effective: held, permitted: held },
      noNewPrivileges: kind !== 'build',
      rlimits: [
        { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
        ...(maxFileBytes === undefined
          ? []
          : [{ type: 'RLIMIT_FSIZE', soft: maxFileBytes, hard: maxFileBytes }]),
      ],
    },
    mounts: [
      {
        destination: '/dev',
        type: 'tmpfs',
        source: 'tmpfs',
        options: ['nosuid', 'noexec', 'mode=755', 'size=64k'],
      },
      ...(kind === 'build' ? buildMounts : []),
      ...mounts.map(formatBind),
    ],
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      uidMappings: map(parent.uid),
      gidMappings: map(parent.gid),
      ...(kind === 'build' ? { seccomp: withoutSync } : {}),
    },
  });
}

/**
 * dpkg syncs every file and its database after every package, for a tree that is thrown away if
 * anything fails. The calls succeed without doing anything.
 */
const withoutSync = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    {
      names: ['fsync', 'fdatasync', 'sync', 'syncfs', 'sync_file_range'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 0,
    },
  ],
};

const buildMounts = [
  { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'nodev', 'noexec'] },
  {
    destination: '/tmp',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', 'mode=1777'],
  },
  { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=755'] },
  { destination: '/var', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=755'] },
];

function formatBind({ source, destination, readonly }: SandboxMount): object {
  return {
    destination,
    type: 'bind',
    source,
    options: ['rbind', 'nosuid', 'nodev', readonly ? 'ro' : 'rw'],
  };
}
