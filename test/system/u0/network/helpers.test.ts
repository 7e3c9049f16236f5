import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, describe, expect } from 'vitest';

import { findHelpers } from '../../../../src/network/helper.ts';
import { programEnvironment } from '../../../../src/sys/programs/environment.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, problems } from './ground.ts';

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
