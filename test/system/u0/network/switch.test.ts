import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect } from 'vitest';

import { needs } from '../../../helpers/needs.ts';
import {
  bridge,
  eventually,
  openGround,
  processesMentioning,
  startMachine,
  type Machine,
} from './ground.ts';

const { paths, networks: daemon } = openGround();
const machines: Machine[] = [];
let networks = daemon();

async function machine(name: string): Promise<Machine> {
  const made = await startMachine(name);
  machines.push(made);
  await networks.attach(made.pid, made.nic);
  return made;
}

afterAll(async () => {
  await Promise.all(machines.map((each) => each.kill()));
  await networks.close();
});

const test = needs('tun', 'network');

describe('a switch with one bridge', () => {
  test('is made in less than a second', async () => {
    const from = performance.now();
    await networks.apply([bridge]);
    console.log(`apply: ${(performance.now() - from).toFixed(0)} ms`, networks.report);
    expect(networks.report).toEqual({ uplink: 'slirp4netns', why: '' });
  });

  test('gives a machine a lease', async () => {
    const web = await machine('web');
    const ms = await web.lease();
    console.log(`lease: ${ms.toFixed(0)} ms`);
    expect(ms).toBeLessThan(1000);
    expect(web.address()).toMatch(/^10\.77\.0\./);
    expect(await networks.leases(bridge)).toContainEqual({
      hostname: 'web',
      hwaddr: web.nic.hwaddr,
      address: web.address(),
      type: 'dynamic',
      location: 'none',
    });
  });

  test('lets machines find and reach each other by name', async () => {
    const db = await machine('db');
    await db.lease();
    const [web] = machines;
    expect(web?.run('busybox', 'ping', '-c', '1', '-W', '2', 'db')).toContain(db.address());
    expect(web?.run('busybox', 'ping', '-c', '1', '-W', '2', 'db.warren')).toContain(db.address());
    expect(db.run('busybox', 'ping', '-c', '1', '-W', '2', 'web.warren')).toContain(
      '1 packets received',
    );
  });

  test('lets machines reach the outside by name', () => {
    const page = machines[0]?.run(
      'busybox',
      'wget',
      '-q',
      '-O',
      '-',
      'http://deb.debian.org/debian/dists/bookworm/Release',
    );
    expect(page).toContain('Codename: bookworm');
  });
});

void execFileSync;
void existsSync;
void readFileSync;
void eventually;
void processesMentioning;
void paths;
