import type { UnsupportedKey } from './key.ts';

const noCloudInit =
  'its images carry no cloud-init; use "warren exec" or "warren file push" after launch';
const needsHostRoot = 'it needs a daemon with root on the host, and warren has none';
const noLiveMigration = 'machines cannot be migrated while they run';
const vmOnly = 'it is for virtual machines';
const incusOnly = 'it is a key of Incus that has no counterpart here';

/** Instance keys of LXD and Incus that have no meaning here. */
export const unsupportedInstanceKeys: readonly UnsupportedKey[] = [
  { key: 'agent.nic_config', why: vmOnly },
  { key: 'boot.autorestart', why: incusOnly },
  { key: 'boot.debug_edk2', why: vmOnly },
  { key: 'boot.host_shutdown_action', why: incusOnly },
  { key: 'boot.mode', why: vmOnly },
  { key: 'cloud-init.*', why: noCloudInit },
  { key: 'cluster.evacuate', why: 'there are no clusters' },
  { key: 'limits.cpu.nodes', why: incusOnly },
  { key: 'limits.cpu.pin_strategy', why: 'it balances no machines over CPUs' },
  { key: 'limits.memory.hugepages', why: vmOnly },
  { key: 'limits.memory.oom_priority', why: incusOnly },
  {
    key: 'limits.memory.swap.priority',
    why: 'cgroup v2 has no swap priority; use limits.memory.swap=false',
  },
  { key: 'limits.network.priority', why: 'cgroup v2 has no network priority' },
  {
    key: 'linux.kernel_modules',
    why: 'only root on the host can load kernel modules; ask the administrator',
  },
  { key: 'migration.*', why: noLiveMigration },
  {
    key: 'nvidia.*',
    why: 'devices of the host cannot be handed on with the rights an ordinary user has',
  },
  { key: 'oci.*', why: 'machines boot an init, they run no application image' },
  { key: 'raw.apparmor', why: 'only root on the host can load AppArmor profiles' },
  { key: 'raw.lxc', why: 'machines do not run under liblxc' },
  { key: 'raw.qemu', why: vmOnly },
  { key: 'raw.qemu.*', why: vmOnly },
  { key: 'raw.seccomp', why: 'use security.syscalls.deny or security.syscalls.allow' },
  { key: 'security.agent.*', why: vmOnly },
  { key: 'security.bpffs.*', why: incusOnly },
  { key: 'security.csm', why: vmOnly },
  { key: 'security.devlxd.images', why: 'there is no /dev/lxd in machines' },
  { key: 'security.guestapi', why: 'there is no guest API in machines' },
  { key: 'security.guestapi.*', why: 'there is no guest API in machines' },
  { key: 'security.iommu', why: vmOnly },
  {
    key: 'security.protection.shift',
    why: "a stopped machine's files are never shifted to other ids",
  },
  { key: 'security.protection.start', why: incusOnly },
  { key: 'security.secureboot', why: vmOnly },
  { key: 'security.selinux.*', why: 'only root on the host can load SELinux policies' },
  { key: 'security.sev', why: vmOnly },
  { key: 'security.sev.*', why: vmOnly },
  { key: 'security.syscalls.intercept.*', why: needsHostRoot },
  { key: 'snapshots.expiry.manual', why: incusOnly },
  { key: 'systemd.credential.*', why: incusOnly },
  { key: 'systemd.credential-binary.*', why: incusOnly },
];
