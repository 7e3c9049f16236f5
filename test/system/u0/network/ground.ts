import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { pathsIn, type Paths } from '../../../../src/contract/paths.ts';
import { openRootOf } from '../../../../src/engine/instances/root-of.ts';
import { makeNetworks } from '../../../../src/network/networks.ts';
import type { BridgeConfig, Networks, NicSpec } from '../../../../src/network/types.ts';
import type { UplinkDriver } from '../../../../src/network/uplink.ts';

export const bridge: BridgeConfig = {
  name: 'warrenbr0',
  ipv4: '10.77.0.1/24',
  nat: true,
  dhcp: true,
  dhcpRange: '10.77.0.2-10.77.0.199',
  leaseTime: '1h',
  domain: 'warren',
  mtu: 1500,
  reservations: [],
};

export const problems: string[] = [];

/**
 * A network layer with directories of its own; a second one over the same paths is the next daemon.
 */
export function openGround(drivers?: readonly UplinkDriver[]): {
  readonly paths: Paths;
  readonly networks: () => Networks;
} {
  const dir = mkdtempSync(join(tmpdir(), 'wnet-'));
  chmodSync(dir, 0o700);
  const paths: Paths = {
    ...pathsIn(join(dir, 'data'), join(dir, 'run')),
    mountDir: join(dir, 'mnt') as Paths['mountDir'],
  };
  mkdirSync(paths.mountDir, { recursive: true });
  const log = {
    debug: () => undefined,
    warn: (context: object, message: string) => {
      problems.push(`${message} ${JSON.stringify(context)}`);
    },
  };
  return {
    paths,
    networks: () =>
      makeNetworks({
        paths,
        log,
        openFiles: openRootOf,
        ...(drivers === undefined ? {} : { drivers }),
      }),
  };
}

/** A process in namespaces of its own that stands for a machine's init. */
export interface Machine {
  readonly name: string;
  readonly pid: number;
  readonly dir: string;
  readonly nic: NicSpec;
  /** Runs a program inside and answers its output, or what it said when it failed. */
  run(...command: readonly string[]): string;
  exec(...command: readonly string[]): { status: number; stdout: string };
  /** Starts one that goes on. */
  start(...command: readonly string[]): ChildProcess;
  /** Asks for a lease with busybox udhcpc; the milliseconds it took. */
  lease(): Promise<number>;
  address(): string;
  kill(): Promise<void>;
}

let count = 0;

export async function startMachine(name: string, nic: Partial<NicSpec> = {}): Promise<Machine> {
  count += 1;
  const number = count.toString(16).padStart(4, '0');
  const dir = mkdtempSync(join(tmpdir(), `wnet-${name}-`));
  writeFileSync(join(dir, 'resolv.conf'), '');
  writeFileSync(
    join(dir, 'lease.sh'),
    `#!/bin/sh
[ "$1" = bound ] || exit 0
busybox ip -4 addr flush dev $interface
busybox ip addr add $ip/$mask dev $interface
busybox ip route add default via $router
printf 'search %s\\nnameserver %s\\n' "$domain" "$dns" > ${dir}/resolv.conf
`,
    { mode: 0o755 },
  );
  const setup = `mount --bind ${dir}/resolv.conf /etc/resolv.conf && busybox ip link set lo up && echo up && exec sleep 1000`;
  const init = spawn(
    'unshare',
    ['--user', '--map-root-user', '--net', '--mount', '--uts', 'sh', '-c', setup],
    { stdio: ['ignore', 'pipe', 'inherit'], detached: true },
  );
  await new Promise<void>((resolve, reject) => {
    init.stdout.once('data', () => {
      resolve();
    });
    init.once('exit', () => {
      reject(new Error(`${name} did not start`));
    });
  });
  const pid = init.pid ?? 0;
  const children = new Set<ChildProcess>();
  const enter = ['-t', `${pid}`, '-U', '--preserve-credentials', '-n', '-m', '-u', '--'];
  const exec = (...command: readonly string[]): { status: number; stdout: string } => {
    const { status, stdout, stderr } = spawnSync('nsenter', [...enter, ...command], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    return { status: status ?? -1, stdout: status === 0 ? stdout : stdout + stderr };
  };
  const run = (...command: readonly string[]): string => {
    const { status, stdout } = exec(...command);
    if (status !== 0) throw new Error(`${command.join(' ')} in ${name}: ${status} ${stdout}`);
    return stdout;
  };
  return {
    name,
    pid,
    dir,
    nic: {
      instance: name,
      device: 'eth0',
      name: 'eth0',
      bridge: bridge.name,
      hwaddr: `00:16:3e:00:${number.slice(0, 2)}:${number.slice(2)}`,
      mtu: undefined,
      ...nic,
    },
    run,
    exec,
    start: (...command) => {
      const child = spawn('nsenter', [...enter, ...command], { stdio: ['pipe', 'pipe', 'ignore'] });
      children.add(child);
      child.once('exit', () => children.delete(child));
      return child;
    },
    lease: async () => {
      const from = performance.now();
      const client = spawn(
        'nsenter',
        [
          ...enter,
          ...['sh', '-c', 'busybox ip link set eth0 up && exec busybox udhcpc "$@"', 'udhcpc'],
          ...['-i', 'eth0', '-q', '-n', '-f', '-t', '10', '-T', '1', '-s', `${dir}/lease.sh`],
        ],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      let output = '';
      client.stderr.on('data', (data: Buffer) => (output += data.toString()));
      const code = await new Promise((resolve) => client.once('exit', resolve));
      if (code !== 0) throw new Error(`no lease for ${name}: ${output}`);
      return performance.now() - from;
    },
    address: () => /inet (10[0-9.]+)/.exec(run('busybox', 'ip', 'addr', 'show', 'eth0'))?.[1] ?? '',
    kill: async () => {
      if (init.exitCode !== null || init.signalCode !== null) return;
      const ended = new Promise((resolve) => init.once('exit', resolve));
      process.kill(-pid, 'SIGKILL');
      for (const child of children) child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Command lines of processes of ours (in this user namespace and below) that mention `text`. */
export function processesMentioning(text: string): string[] {
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^\d+$/.test(entry) || Number(entry) === process.pid) return [];
    try {
      const argv = execFileSync('cat', [`/proc/${entry}/cmdline`], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      return argv.includes(text) ? [argv.replaceAll('\0', ' ')] : [];
    } catch {
      return [];
    }
  });
}

/** Polls until `check` no longer throws; the kernel takes interfaces away in its own time. */
export async function eventually(check: () => void, timeoutMs = 5000): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    try {
      check();
      return;
    } catch (error) {
      if (performance.now() > until) throw error;
      await sleep(20);
    }
  }
}
