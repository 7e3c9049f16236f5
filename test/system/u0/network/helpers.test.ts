import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, describe, expect } from 'vitest';

import { findHelpers } from '../../../../src/network/helper.ts';
import { networkPlaces } from '../../../../src/network/places.ts';
import { programEnvironment } from '../../../../src/sys/programs/environment.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, problems, startMachine } from './ground.ts';

const test = needs('tun', 'network');
const dir = mkdtempSync(join(tmpdir(), 'whelp-'));

afterAll(() => {
  rmSync(dir, { recursive: true });
});

/** Until disposed, `program` is a shell script. */
function covered(program: string, script: string): Disposable {
  const { PATH } = programEnvironment();
  const path = (PATH ?? '')
    .split(':')
    .map((place) => join(place, program))
    .find(existsSync);
  if (path === undefined) throw new Error(`${program} is not installed`);
  const instead = join(dir, program);
  writeFileSync(instead, `#!/bin/sh\n${script}\n`);
  chmodSync(instead, 0o755);
  execFileSync('mount', ['--bind', instead, path]);
  return {
    [Symbol.dispose]: () => {
      execFileSync('umount', [path]);
    },
  };
}

/** A program that sends DHCP requests as if it were a relay, as fast as it can. */
function floodOfRequests(server: string): string {
  return `
    const packet = Buffer.alloc(300);
    packet.set([1, 1, 6]);
    packet.set([1, 2, 3, 4], 24);
    packet.set([2, 1, 2, 3, 4, 5], 28);
    packet.set([0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255], 236);
    const socket = require('node:dgram').createSocket('udp4');
    const send = () => socket.send(packet, 67, ${JSON.stringify(server)}, send);
    for (let ahead = 0; ahead < 32; ahead++) send();`;
}

/** How often this process has read something. */
function readCalls(): number {
  return Number(/^syscr: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
}

describe('programs of the network', () => {
  test('are looked for among the processes of this user namespace alone', async () => {
    const guest = spawn('unshare', ['--user', 'sh', '-c', 'echo made; exec sleep 4711'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(guest.stdout, 'data');
    const ours = spawn('sleep', ['4712']);
    const seen: string[] = [];
    const look = (): string[] => {
      findHelpers((argv) => {
        seen.push(argv.join(' '));
        return false;
      });
      return seen;
    };
    await expect.poll(look).toContain('sleep 4712');
    expect(seen).not.toContain('sleep 4711');
    guest.kill('SIGKILL');
    ours.kill('SIGKILL');
  });

  test('that never come up are waited for ten seconds, told, and ended', async () => {
    using _ = covered('slirp4netns', 'exec sleep 4713');
    const networks = openGround(['slirp4netns']).networks();
    const from = performance.now();
    await networks.apply([bridge]);
    expect(performance.now() - from).toBeLessThan(15_000);
    expect(networks.report).toEqual({
      uplink: 'none',
      why: 'slirp4netns did not come up in 10 s',
    });
    expect(findHelpers((argv) => argv.includes('4713'))).toEqual([]);
    await networks.close();
  });

  test('that cannot be brought back are tried ever more rarely', async () => {
    const networks = openGround(['slirp4netns']).networks();
    await networks.apply([bridge]);
    using _ = covered('dnsmasq', 'echo "try $$" >>"$(dirname "$0")/tries"; exit 5');
    problems.length = 0;
    for (const { identity } of findHelpers((argv) => argv[0]?.endsWith('dnsmasq') === true)) {
      process.kill(identity.pid, 'SIGKILL');
    }
    await sleep(16_000);
    // After 2, 4 and 8 s, and not eight times.
    expect(problems.length).toBeGreaterThanOrEqual(2);
    expect(problems.length).toBeLessThanOrEqual(4);
    await networks.close();
  });
});

describe('the log of dnsmasq', () => {
  test('stays short, whatever machines send', async () => {
    const { paths, networks: daemon } = openGround(['slirp4netns']);
    const networks = daemon();
    await networks.apply([bridge]);
    const web = await startMachine('web');
    await networks.attach(web.pid, web.nic);
    await web.lease();
    const log = join(networkPlaces(paths).logDir, 'dnsmasq-warrenbr0.log');
    // Each is answered with a line: that there are no addresses for a relay.
    const flood = web.start(process.execPath, '-e', floodOfRequests('10.77.0.1'));
    let written = 0;
    for (let seconds = 0; seconds < 12; seconds++) {
      await sleep(1000);
      written = Math.max(written, statSync(log, { throwIfNoEntry: false })?.size ?? 0);
    }
    flood.kill('SIGKILL');
    expect(readFileSync(`${log}.1`, 'utf8')).toContain('no address range available');
    // What it writes between two looks, and not in all of the time.
    expect(statSync(`${log}.1`).size).toBeLessThan(8 << 20);
    expect(written).toBeLessThan(8 << 20);
    await sleep(2500);
    expect(statSync(log).size).toBeLessThanOrEqual(1 << 20);
    expect(web.run('busybox', 'nslookup', 'web.warren')).toContain(web.address());
    await web.kill();
    await networks.close();
  });
});

describe('a switch without an uplink', () => {
  test('does not go through all processes time and again', async () => {
    const networks = openGround([]).networks();
    await networks.apply([bridge]);
    expect(networks.report.uplink).toBe('none');
    const before = readCalls();
    await sleep(7000);
    // Three rounds, each of which would have a look at every process, and more than once.
    expect(readCalls() - before).toBeLessThan(
      readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length,
    );
    await networks.close();
  });
});
