import { symlink, textFile, type GuestChanges } from './entries.ts';

const units = 'etc/systemd/system';

/** Masked units, each with its reason. */
const maskedUnits: Readonly<Record<string, string>> = {
  'sys-kernel-debug.mount': 'debugfs cannot be mounted in a user namespace',
  'sys-kernel-tracing.mount': 'tracefs cannot be mounted in a user namespace',
  'sys-kernel-config.mount': 'configfs cannot be mounted in a user namespace',
  'dev-hugepages.mount': 'hugetlbfs cannot be mounted in a user namespace',
  'proc-sys-fs-binfmt_misc.automount': 'automounts need a device a machine has not',
  'systemd-journald-audit.socket': 'what the kernel audits is told to the host alone',
  'systemd-remount-fs.service': 'the root is mounted as it is to be before init starts',
  'systemd-tmpfiles-setup-dev.service':
    'a machine cannot make device nodes, and has those it may use',
  'systemd-tmpfiles-setup-dev-early.service': 'likewise',
};

const kernelCommandLine = 'a machine is not started with a kernel command line';

/**
 * Masked generators, each with its reason (man 7 systemd.generator). systemd runs all of them
 * before it loads a unit: these are half of that, and a third of a boot.
 */
const maskedGenerators: Readonly<Record<string, string>> = {
  'systemd-cryptsetup-generator': 'a machine has no block devices',
  'systemd-debug-generator': kernelCommandLine,
  'systemd-getty-generator': 'the console has its own getty, and there are no other terminals',
  'systemd-gpt-auto-generator': 'a machine has no block devices',
  'systemd-hibernate-resume-generator': kernelCommandLine,
  'systemd-integritysetup-generator': 'a machine has no block devices',
  'systemd-run-generator': kernelCommandLine,
  'systemd-system-update-generator': 'updates at boot are for hosts',
  'systemd-veritysetup-generator': 'a machine has no block devices',
};

/** Units that are not started by themselves, each with its reason. */
const disabledUnits: Readonly<Record<string, string>> = {
  'getty.target.wants/getty@tty1.service': 'there is no tty1; the console has its own getty',
  'timers.target.wants/apt-daily.timer': 'it would hold the lock when a person first runs apt',
  'timers.target.wants/apt-daily-upgrade.timer': 'likewise',
  'timers.target.wants/fstrim.timer': 'a machine has no block devices',
  'timers.target.wants/e2scrub_all.timer': 'a machine has no block devices',
  'multi-user.target.wants/e2scrub_reap.service': 'a machine has no block devices',
};

/**
 * systemd in a machine: networkd brings eth0 up by DHCP, resolved answers for it, and the console
 * has a getty. Nothing waits for the network unless a unit asks for it, and then not for long.
 */
export const systemdChanges: GuestChanges = {
  removals: Object.keys(disabledUnits).map((unit) => `${units}/${unit}`),
  entries: [
    ...Object.keys(maskedUnits).map((unit) => symlink(`${units}/${unit}`, '/dev/null')),
    ...Object.keys(maskedGenerators).map((name) =>
      symlink(`etc/systemd/system-generators/${name}`, '/dev/null'),
    ),
    enable('getty.target.wants', 'console-getty.service'),
    enable('multi-user.target.wants', 'systemd-networkd.service'),
    enable('sockets.target.wants', 'systemd-networkd.socket'),
    enable('sysinit.target.wants', 'systemd-resolved.service'),
    enable('network-online.target.wants', 'systemd-networkd-wait-online.service'),
    symlink(
      `${units}/dbus-org.freedesktop.network1.service`,
      '/usr/lib/systemd/system/systemd-networkd.service',
    ),
    symlink(
      `${units}/dbus-org.freedesktop.resolve1.service`,
      '/usr/lib/systemd/system/systemd-resolved.service',
    ),
    // Else the first boot makes users and links anew that are all there.
    textFile('etc/.updated', []),
    textFile('var/.updated', []),
    symlink('etc/resolv.conf', '../run/systemd/resolve/stub-resolv.conf'),
    textFile('etc/systemd/network/eth0.network', [
      '[Match]',
      'Name=eth0',
      '',
      '[Network]',
      'DHCP=ipv4',
      'IPv6AcceptRA=yes',
      '',
      '[DHCPv4]',
      '# A copy of a machine has the same machine-id until it boots, but never the same address.',
      'ClientIdentifier=mac',
      'UseDomains=yes',
      'UseHostname=no',
    ]),
    textFile('etc/systemd/resolved.conf.d/machine.conf', [
      '[Resolve]',
      '# Names of other machines come from the network, by DNS.',
      'LLMNR=no',
      'MulticastDNS=no',
    ]),
    textFile(`${units}/systemd-networkd-wait-online.service.d/machine.conf`, [
      '[Service]',
      '# A machine without a network is not degraded.',
      'ExecStart=',
      'ExecStart=/usr/lib/systemd/systemd-networkd-wait-online --any --timeout=10',
      'SuccessExitStatus=1',
    ]),
  ],
};

function enable(wantedBy: string, unit: string) {
  return symlink(`${units}/${wantedBy}/${unit}`, `/usr/lib/systemd/system/${unit}`);
}
