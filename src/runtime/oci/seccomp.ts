import type { SeccompPolicy } from '../types.ts';
import type { OciSeccomp, OciSyscallRule } from './types.ts';

const EPERM = 1;
const ENOSYS = 38;
const MNT_FORCE = 1;

/**
 * LXD's default list, and `kexec_file_load`, its younger sibling. A guest's capabilities count only
 * in its own user namespace, so the kernel refuses most of these already: the filter takes the code
 * behind them out of reach. `open_by_handle_at` is the call of the 2014 container break-out.
 */
const deniedByDefault: readonly string[] = [
  'delete_module',
  'finit_module',
  'init_module',
  'kexec_file_load',
  'kexec_load',
  'open_by_handle_at',
];

/**
 * Calls the OCI runtime itself makes between installing the filter and executing the guest's
 * program. An allow-list without them would stop every machine with an error nobody understands.
 */
const neededToStart: readonly string[] = [
  'brk',
  'capget',
  'capset',
  'chdir',
  'clone',
  'close',
  'close_range',
  'dup',
  'dup2',
  'dup3',
  'execve',
  'exit',
  'exit_group',
  'fchdir',
  'fchown',
  'fcntl',
  'fstat',
  'fstatfs',
  'futex',
  'getcwd',
  'getdents64',
  'getegid',
  'geteuid',
  'getgid',
  'getpid',
  'getppid',
  'getrandom',
  'getuid',
  'ioctl',
  'lseek',
  'mmap',
  'mprotect',
  'munmap',
  'newfstatat',
  'open',
  'openat',
  'openat2',
  'poll',
  'ppoll',
  'prctl',
  'pselect6',
  'read',
  'readlink',
  'readlinkat',
  'rt_sigaction',
  'rt_sigprocmask',
  'rt_sigreturn',
  'seccomp',
  'select',
  'setgid',
  'setgroups',
  'setresgid',
  'setresuid',
  'setsid',
  'setuid',
  'stat',
  'statx',
  'tgkill',
  'umask',
  'write',
  'writev',
];

/** Every ABI a process can switch to: a filter for one of them alone is no filter. */
const architectures: Readonly<Partial<Record<NodeJS.Architecture, readonly string[]>>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
};

/**
 * The seccomp profile of a machine, or undefined when the policy denies nothing.
 *
 * Refused calls answer ENOSYS, as a kernel without them would: programs and the C library know
 * that answer and take the older way round (`clone3` → `clone`), while EPERM makes them fail. That
 * matters most under an allow-list, which knows no call younger than itself. `umount2(MNT_FORCE)`
 * answers EPERM, because the call as such exists.
 */
export function buildSeccomp(
  policy: SeccompPolicy,
  architecture: NodeJS.Architecture = process.arch,
): OciSeccomp | undefined {
  const deny = [...(policy.denyDefault ? deniedByDefault : []), ...policy.deny];
  const strict = policy.allow.length > 0;
  if (!strict && deny.length === 0) return undefined;
  const rules: OciSyscallRule[] = [];
  const denied = new Set(deny);
  if (denied.size > 0) {
    rules.push({ names: sorted(denied), action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS });
  }
  if (policy.denyDefault) rules.push(forcedUnmount);
  if (strict) {
    const allowed = [...policy.allow, ...neededToStart].filter((name) => !denied.has(name));
    rules.push({ names: sorted(new Set(allowed)), action: 'SCMP_ACT_ALLOW' });
  }
  return {
    defaultAction: strict ? 'SCMP_ACT_ERRNO' : 'SCMP_ACT_ALLOW',
    ...(strict ? { defaultErrnoRet: ENOSYS } : {}),
    architectures: architectures[architecture] ?? [],
    syscalls: rules,
  };
}

/** A forced unmount of a FUSE or network file system of the host's could hang or lose data. */
const forcedUnmount: OciSyscallRule = {
  names: ['umount2'],
  action: 'SCMP_ACT_ERRNO',
  errnoRet: EPERM,
  args: [{ index: 1, value: MNT_FORCE, valueTwo: MNT_FORCE, op: 'SCMP_CMP_MASKED_EQ' }],
};

function sorted(names: Iterable<string>): string[] {
  return [...names].sort();
}
