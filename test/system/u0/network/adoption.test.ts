import { build } from 'esbuild';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';

import { findHelpers } from '../../../../src/network/helper.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, startMachine, type Machine } from './ground.ts';

const test = needs('tun', 'network');
const { paths, networks: daemon } = openGround();
const dir = dirname(paths.dataDir);
const networks = daemon();
const machines: Machine[] = [];

function helpers(): string[] {
  return findHelpers((argv) =>
    argv.some((word) => word.includes(paths.dataDir) || word.includes(paths.mountDir)),
  ).map(({ identity, argv }) => `${argv[0] ?? ''} ${identity.pid}`);
}

async function bundle(): Promise<string> {
  const outfile = join(dir, 'doomed-daemon.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'doomed-daemon.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  });
  symlinkSync(join(import.meta.dirname, '../../../../node_modules'), join(dir, 'node_modules'));
  return outfile;
}

afterAll(async () => {
  await Promise.all(machines.map((each) => each.kill()));
});

describe('the network of a daemon that was killed', () => {
  test('lives on, is adopted as it is, and can be closed', async () => {
    machines.push(await startMachine('web'), await startMachine('db'));
    const input = { dir, bridge, machines: machines.map(({ pid, nic }) => ({ pid, nic })) };
    const doomed = spawn(process.execPath, [await bundle(), JSON.stringify(input)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(doomed.stdout, 'data');
    doomed.kill('SIGKILL');
    await once(doomed, 'exit');
    const [web, db] = machines;
    if (web === undefined || db === undefined) throw new Error('no machines');
    const left = helpers();
    expect(left.map((helper) => helper.split(' ')[0]).sort()).toEqual(['dnsmasq', 'slirp4netns']);

    // Nobody is there, and machines still get leases, names and the outside.
    await web.lease();
    await db.lease();
    expect(web.run('busybox', 'ping', '-c', '1', '-W', '1', 'db')).toContain(db.address());
    expect(web.run('busybox', 'nslookup', 'deb.debian.org')).toMatch(/Address: \d/);

    const from = performance.now();
    await networks.apply([bridge]);
    console.log(`adopt: ${(performance.now() - from).toFixed(0)} ms`);
    expect(helpers()).toEqual(left);
    expect(networks.report).toEqual({ uplink: 'slirp4netns', why: '' });
    expect((await networks.interfaces(web.pid))['eth0']?.host_name).toMatch(/^veth/);
    expect((await networks.leases(bridge)).map(({ hostname }) => hostname).sort()).toEqual([
      'db',
      'warrenbr0.gw',
      'web',
    ]);
    expect(web.run('busybox', 'ping', '-c', '1', '-W', '1', 'db')).toContain(db.address());

    await networks.prune(['web']);
    expect(Object.keys(await networks.interfaces(db.pid))).toEqual(['lo']);
    await networks.close();
    expect(helpers()).toEqual([]);
    await expect
      .poll(async () => Object.keys(await networks.interfaces(web.pid)), { timeout: 5000 })
      .toEqual(['lo']);
  });
});
