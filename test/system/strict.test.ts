import { afterAll, beforeAll, describe, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

/** Numbers of x86_64 (arch/x86/entry/syscalls/syscall_64.tbl), of calls that the profile denies. */
const denied = {
  ptrace: 101,
  keyctl: 250,
  perf_event_open: 298,
  fanotify_init: 300,
  process_vm_readv: 310,
  kcmp: 312,
  bpf: 321,
  userfaultfd: 323,
  io_uring_setup: 425,
};
/** As if the kernel had no such call. */
const ENOSYS = 38;

describe('a machine with the strict profile', () => {
  let warren: Warren;

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, 'debian/12/minimal');
    const launch = ['launch', 'debian/12/minimal'];
    await warren.ok([...launch, 'lab', '--profile', 'default', '--profile', 'strict']);
    await warren.ok([...launch, 'plain']);
  }, 1_200_000);

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  const inside = (name: string, ...command: string[]): Promise<string> =>
    warren.ok(['exec', name, '--', ...command]);
  /** What a call with no arguments comes to: 0 or its errno. */
  const call = async (name: string, number: number): Promise<number> => {
    const program = `print syscall(${number}, 0, 0, 0, 0, 0, 0) == -1 ? $! + 0 : 0`;
    return Number(await inside(name, 'perl', '-e', program));
  };

  test('boots whole, and has no network', async () => {
    const running = await inside('lab', 'systemctl', 'is-system-running', '--wait');
    expect(running).toBe('running\n');
    expect(await inside('lab', 'ls', '/sys/class/net')).toBe('lo\n');
    expect(await inside('plain', 'ls', '/sys/class/net')).toContain('eth0');
  });

  test('gives no program the rights of its owner', async () => {
    const asUser =
      'cp /usr/bin/id /srv/id; chmod 4755 /srv/id; setpriv --reuid 1000 --clear-groups /srv/id -u';
    expect(await inside('lab', 'sh', '-c', asUser)).toBe('1000\n');
    expect(await inside('plain', 'sh', '-c', asUser)).toBe('0\n');
    expect(await inside('lab', 'cat', '/proc/1/status')).toMatch(/^NoNewPrivs:\t1$/m);
  });

  test('has no use of the calls that break-outs begin with', async ({ skip }) => {
    if (process.arch !== 'x64') skip('the numbers of calls are of x86_64');
    for (const [name, number] of Object.entries(denied)) {
      expect({ name, errno: await call('lab', number) }).toEqual({ name, errno: ENOSYS });
    }
    // PTRACE_TRACEME, which needs no right.
    expect(await call('plain', denied.ptrace)).toBe(0);
  });
});
