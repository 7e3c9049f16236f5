import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { test, type TestAPI } from 'vitest';

/** What a test may need of the host: a probe that returns why it is not there, or undefined. */
const probes = {
  userns: () => succeeds('unshare', ['--user', '--map-root-user', '--map-auto', 'true']),
  overlay: () =>
    succeeds('unshare', [
      ...['--user', '--mount', '--map-root-user', '--map-auto', 'sh', '-c'],
      'mount -t tmpfs t /mnt && mkdir /mnt/l /mnt/u /mnt/w /mnt/m && mount -t overlay o -o userxattr,lowerdir=/mnt/l,upperdir=/mnt/u,workdir=/mnt/w /mnt/m',
    ]),
  crun: () => succeeds('crun', ['--version']),
  tun: () => accessible('/dev/net/tun'),
  fuse: () => accessible('/dev/fuse'),
  network: () =>
    succeeds('slirp4netns', ['--version']) ??
    succeeds('dnsmasq', ['--version']) ??
    succeeds('nft', ['--version']),
  cgroup: () =>
    readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup2 ')
      ? undefined
      : 'cgroup2 is not mounted',
  hugepages: () =>
    /^HugePages_Free: *[4-9]$/m.test(readFileSync('/proc/meminfo', 'utf8'))
      ? undefined
      : '/proc/sys/vm/nr_hugepages keeps no 8 of them',
  lxc: () => succeeds('lxc', ['--version']),
  pylxd: () => succeeds('/usr/bin/python3', ['-c', 'import pylxd']),
  ansible: () => succeeds('ansible-playbook', ['--version']),
  policies: () =>
    existsSync('/etc/warren/rules/policy.yaml')
      ? undefined
      : 'root has laid no policies below /etc/warren (test/policies.sh)',
  mirror: () => succeeds('mmdebstrap', ['--version']),
} satisfies Record<string, () => string | undefined>;

export type Need = keyof typeof probes;

function succeeds(program: string, args: readonly string[]): string | undefined {
  try {
    execFileSync(program, args, { stdio: 'pipe', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' } });
    return undefined;
  } catch (error) {
    return `${program}: ${error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)}`;
  }
}

function accessible(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return undefined;
  } catch {
    return `${path} is not readable and writable`;
  }
}

const required = new Set((process.env['WARREN_TEST_REQUIRE'] ?? '').split(' ').filter(Boolean));
const known = new Map<Need, string | undefined>();

/** Why this host cannot do it, or undefined when it can. Probed once by doing. */
export function lacks(need: Need): string | undefined {
  if (!known.has(need)) known.set(need, probes[need]());
  return known.get(need);
}

/**
 * `test` for what the host must be able to do: skipped with the reason where it cannot, and failed
 * with it where `WARREN_TEST_REQUIRE` names the need.
 */
export function needs(...wanted: readonly Need[]): TestAPI {
  for (const need of wanted) {
    const reason = lacks(need);
    if (reason === undefined) continue;
    if (required.has(need)) {
      throw new Error(`WARREN_TEST_REQUIRE names ${need}, and this host lacks it: ${reason}`);
    }
    process.stderr.write(`skipping: this host lacks ${need}: ${reason}\n`);
    return test.skip as unknown as TestAPI;
  }
  return test;
}
