import { describe, expect, it } from 'vitest';

import { buildSeccomp } from '../../../src/runtime/oci/seccomp.ts';

const nothing = { denyDefault: false, deny: [], allow: [] };

describe('a seccomp policy', () => {
  it('that denies nothing is no filter', () => {
    expect(buildSeccomp(nothing)).toBeUndefined();
  });

  it('denies the default list and more as calls the kernel does not know', () => {
    const profile = buildSeccomp({ ...nothing, denyDefault: true, deny: ['keyctl'] }, 'x64');
    expect(profile?.defaultAction).toBe('SCMP_ACT_ALLOW');
    const [denied, forced] = profile?.syscalls ?? [];
    expect(denied).toMatchObject({ action: 'SCMP_ACT_ERRNO', errnoRet: 38 });
    expect(denied?.names).toEqual([
      'delete_module',
      'finit_module',
      'init_module',
      'kexec_file_load',
      'kexec_load',
      'keyctl',
      'open_by_handle_at',
    ]);
    // umount2 itself stays: only MNT_FORCE is refused.
    expect(forced).toMatchObject({ names: ['umount2'], args: [{ index: 1, value: 1 }] });
  });

  it('holds in every ABI of the processor', () => {
    const policy = { ...nothing, denyDefault: true };
    expect(buildSeccomp(policy, 'x64')?.architectures).toEqual([
      'SCMP_ARCH_X86_64',
      'SCMP_ARCH_X86',
      'SCMP_ARCH_X32',
    ]);
    expect(buildSeccomp(policy, 'arm64')?.architectures).toEqual([
      'SCMP_ARCH_AARCH64',
      'SCMP_ARCH_ARM',
    ]);
  });

  it('as an allow-list refuses the rest, and never allows what it also denies', () => {
    const profile = buildSeccomp({
      denyDefault: true,
      deny: ['ptrace'],
      allow: ['ptrace', 'mkdir'],
    });
    expect(profile).toMatchObject({ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 });
    const allowed = profile?.syscalls.find(({ action }) => action === 'SCMP_ACT_ALLOW')?.names;
    expect(allowed).toContain('mkdir');
    // Without these the runtime itself could not get as far as the guest's program.
    expect(allowed).toEqual(expect.arrayContaining(['execve', 'capset', 'setresuid']));
    expect(allowed).not.toContain('ptrace');
    expect(allowed).not.toContain('open_by_handle_at');
  });
});
