import type { OciCapabilities } from './types.ts';

/**
 * What a machine's root may do over its own namespaces. Left out of the kernel's list are those
 * that mean the host and are refused by it in a user namespace anyway (SYS_MODULE, SYS_RAWIO,
 * SYS_TIME, MAC_ADMIN, MAC_OVERRIDE, SYSLOG, WAKE_ALARM, BLOCK_SUSPEND), and those that only widen
 * the kernel surface a guest reaches (BPF, PERFMON, CHECKPOINT_RESTORE). Without SYS_RAWIO systemd
 * also skips its debugfs and tracefs mounts, which the kernel would refuse.
 */
export const guestCapabilities: readonly string[] = [
  'CAP_AUDIT_CONTROL',
  'CAP_AUDIT_READ',
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_KILL',
  'CAP_LEASE',
  'CAP_LINUX_IMMUTABLE',
  'CAP_MKNOD',
  'CAP_NET_ADMIN',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_CHROOT',
  'CAP_SYS_NICE',
  'CAP_SYS_PACCT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TTY_CONFIG',
];

/**
 * The five sets of a process that starts as `uid`. Inheritable stays empty: with it, a file's
 * inheritable capabilities would come to life for an ordinary guest user (CVE-2022-27650).
 */
export function capabilitySets(uid: number): OciCapabilities {
  const held = uid === 0 ? guestCapabilities : [];
  return {
    bounding: guestCapabilities,
    effective: held,
    permitted: held,
    inheritable: [],
    ambient: [],
  };
}
