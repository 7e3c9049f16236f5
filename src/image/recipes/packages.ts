import type { Suite } from './suites.ts';

export type Variant = 'default' | 'minimal' | 'sysvinit' | 'openrc' | 'runit';

export interface VariantInfo {
  readonly description: string;
  /** What it installs besides the essential packages and apt. */
  readonly packages: (suite: Suite) => readonly string[];
  readonly distributions: readonly Suite['distribution'][];
}

/** What every machine needs to be reached, to reach others, and to install the rest. */
const base = ['iproute2', 'netbase'];

/** systemd mounts by mount(8), which its package has ceased to ask for. */
const systemd = ['dbus', 'libpam-systemd', 'mount', 'systemd-sysv'];

/**
 * What a person expects to find when they log in. No ssh server: `warren shell` needs none, and
 * one installed later makes keys of its own.
 */
const comfort = [
  'bash-completion',
  'bzip2',
  'ca-certificates',
  'cron',
  'curl',
  'file',
  'iputils-ping',
  'less',
  'lsof',
  'man-db',
  'nano',
  'netcat-openbsd',
  'openssh-client',
  'procps',
  'psmisc',
  'rsync',
  'sudo',
  'tzdata',
  'vim-tiny',
  'wget',
  'xz-utils',
];

/** Networking without systemd: ifupdown with busybox's DHCP client, the quickest to an address. */
const ifupdown = ['ifupdown', 'mount', 'procps', 'udhcpc'];

function resolved(suite: Suite): readonly string[] {
  return suite.hasResolvedPackage ? ['systemd-resolved'] : [];
}

export const variants: Readonly<Record<Variant, VariantInfo>> = {
  default: {
    description: 'with systemd and the tools a person expects',
    packages: (suite) => [...base, ...systemd, ...resolved(suite), ...comfort],
    distributions: ['debian', 'ubuntu'],
  },
  minimal: {
    description: 'with systemd, network and apt, nothing else',
    packages: (suite) => [...base, ...systemd, ...resolved(suite)],
    distributions: ['debian', 'ubuntu'],
  },
  sysvinit: {
    description: 'with sysvinit',
    packages: () => [...base, ...ifupdown, 'sysvinit-core'],
    distributions: ['debian'],
  },
  openrc: {
    description: 'with OpenRC',
    packages: () => [...base, ...ifupdown, 'openrc'],
    distributions: ['debian'],
  },
  runit: {
    description: 'with runit',
    packages: () => [...base, ...ifupdown, 'runit', 'runit-init'],
    distributions: ['debian'],
  },
};
