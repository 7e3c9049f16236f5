import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, describe, expect } from 'vitest';

import { findHelpers } from '../../../../src/network/helper.ts';
import { networkPlaces } from '../../../../src/network/places.ts';
import type { NicSpec } from '../../../../src/network/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, eventually, openGround, problems, startMachine, type Machine } from './ground.ts';

const { paths, networks: daemon } = openGround();
const machines: Machine[] = [];
const networks = daemon();

async function machine(name: string, nic?: Partial<NicSpec>): Promise<Machine> {
  const made = await startMachine(name, nic);
  machines.push(made);
  await networks.attach(made.pid, made.nic);
  return made;
}

/** dnsmasq and the uplink of this test. */
function helpers(): string[] {
  return findHelpers((argv) =>
    argv.some((word) => word.includes(paths.dataDir) || word.includes(paths.mountDir)),
  ).map(({ identity, argv }) => `${argv[0] ?? ''} ${identity.pid}`);
}

function ping(from: Machine, to: string): boolean {
  return from.exec('busybox', 'ping', '-c', '1', '-W', '1', to).status === 0;
}

afterAll(async () => {
  await Promise.all(machines.map((each) => each.kill()));
  await networks.close();
});

const test = needs('tun', 'network');

describe('a switch with one bridge', () => {
  test('comes up with an uplink', async () => {
    await networks.apply([bridge]);
    expect(networks.report).toEqual({ uplink: 'slirp4netns', why: '' });
    expect(helpers()).toHaveLength(2);
  });

  test('gives a machine a lease', async () => {
    const web = await machine('web');
    await web.lease();
    expect(web.address()).toMatch(/^10\.77\.0\./);
    expect(await networks.leases(bridge)).toEqual([
      expect.objectContaining({ hostname: 'warrenbr0.gw', address: '10.77.0.1', type: 'gateway' }),
      {
        hostname: 'web',
        hwaddr: web.nic.hwaddr,
        address: web.address(),
        type: 'dynamic',
        location: 'none',
      },
    ]);
  });

  test('lets machines find and reach each other by name', async () => {
    const [web] = machines;
    const db = await machine('db');
    await db.lease();
    expect(web?.run('busybox', 'ping', '-c', '1', '-W', '2', 'db')).toContain(db.address());
    expect(web?.run('busybox', 'ping', '-c', '1', '-W', '2', 'db.warren')).toContain(db.address());
    expect(db.run('busybox', 'ping', '-c', '1', '-W', '2', 'web.warren')).toContain(
      '1 packets received',
    );
  });

  test('tells interfaces, addresses and counters of a machine', async () => {
    const [web] = machines;
    if (web === undefined) throw new Error('no machine');
    const { eth0, lo } = await networks.interfaces(web.pid);
    expect(lo).toMatchObject({ type: 'loopback', state: 'up' });
    expect(eth0).toMatchObject({
      type: 'broadcast',
      state: 'up',
      hwaddr: web.nic.hwaddr,
      mtu: 1500,
    });
    expect(eth0?.host_name).toMatch(/^veth[0-9a-f]{11}$/);
    expect(eth0?.addresses).toContainEqual({
      family: 'inet',
      address: web.address(),
      netmask: '24',
      scope: 'global',
    });
    expect(eth0?.addresses).toContainEqual(
      expect.objectContaining({ family: 'inet6', scope: 'link', netmask: '64' }),
    );
    expect(eth0?.counters.bytes_received).toBeGreaterThan(300);
    expect(eth0?.counters.packets_sent).toBeGreaterThan(1);
  });

  test('gives a machine no name but its own, whatever it calls itself', async () => {
    const thief = await machine('thief');
    thief.run('busybox', 'ip', 'link', 'set', 'eth0', 'up');
    thief.run(
      ...['busybox', 'udhcpc', '-i', 'eth0', '-q', '-n', '-f', '-t', '5', '-T', '1'],
      ...['-x', 'hostname:db', '-F', 'db', '-s', `${thief.dir}/lease.sh`],
    );
    const db = machines[1];
    expect(thief.run('busybox', 'ping', '-c', '1', '-W', '2', 'db')).toContain(db?.address());
    expect(machines[0]?.run('busybox', 'ping', '-c', '1', 'thief')).toContain(thief.address());
  });

  test('gives a fixed address that is reserved while it runs', async () => {
    const reserved = await startMachine('fixed');
    machines.push(reserved);
    const reservation = {
      instance: 'fixed',
      hwaddr: reserved.nic.hwaddr.toUpperCase(),
      address: '10.77.0.222',
    };
    const before = helpers();
    await networks.apply([{ ...bridge, reservations: [reservation] }]);
    expect(helpers()).toEqual(before);
    await networks.attach(reserved.pid, reserved.nic);
    await reserved.lease();
    expect(reserved.address()).toBe('10.77.0.222');
    expect(ping(reserved, 'web')).toBe(true);
    const leases = await networks.leases(bridge);
    expect(leases.filter(({ hostname }) => hostname === 'fixed')).toEqual([
      expect.objectContaining({ address: '10.77.0.222', type: 'static' }),
    ]);
  });

  test('forgets the lease of a machine that is gone', async () => {
    const gone = await machine('gone');
    await gone.lease();
    const address = gone.address();
    await gone.kill();
    await networks.releaseLease(bridge, gone.nic.hwaddr);
    const leases = await networks.leases(bridge);
    expect(leases.map((lease) => lease.address)).not.toContain(address);
    expect(ping(machines[0] as Machine, 'gone')).toBe(false);
  });

  test('forgets what it was told of a machine, also when it is looked after later', async () => {
    const { hwaddr } = (await machine('soon')).nic;
    const hosts = (): string =>
      readFileSync(`${networkPlaces(paths).runDir}/${bridge.name}.hosts`, 'utf8');
    await networks.apply([
      { ...bridge, reservations: [{ instance: 'soon', hwaddr, address: undefined }] },
    ]);
    expect(hosts()).toContain('soon');
    await networks.releaseLease(bridge, hwaddr);
    // It is looked after every two seconds.
    await sleep(4500);
    expect(hosts()).not.toContain('soon');
  });

  test('refuses a machine that is gone, an interface name that is taken, a bridge there is not', async () => {
    const [web] = machines;
    if (web === undefined) throw new Error('no machine');
    await expect(networks.attach(4_000_000, web.nic)).rejects.toThrow(
      /it is stopped, wanted running/,
    );
    await expect(
      networks.attach(web.pid, { ...web.nic, device: 'eth1', hwaddr: '00:16:3e:00:0f:01' }),
    ).rejects.toThrow('Cannot add interface "eth0" to web');
    await expect(networks.attach(web.pid, { ...web.nic, bridge: 'nobr' })).rejects.toThrow(
      'Cannot find network "nobr"',
    );
  });

  test('attaches another interface, detaches it, and detaches it again', async () => {
    const [web] = machines;
    if (web === undefined) throw new Error('no machine');
    const { hostName } = await networks.attach(web.pid, {
      ...web.nic,
      device: 'extra',
      name: 'eth7',
      hwaddr: '00:16:3e:00:0f:02',
      mtu: 1280,
    });
    expect((await networks.interfaces(web.pid))['eth7']).toMatchObject({
      host_name: hostName,
      mtu: 1280,
    });
    await networks.detach('web', 'extra');
    await networks.detach('web', 'extra');
    expect(Object.keys(await networks.interfaces(web.pid)).sort()).toEqual(['eth0', 'lo']);
  });

  test('attaches and detaches twenty ports of one machine', async () => {
    const [web] = machines;
    if (web === undefined) throw new Error('no machine');
    const rounds = Array.from({ length: 20 }, (_, round) => round);
    for (const round of rounds) {
      await networks.attach(web.pid, {
        ...web.nic,
        device: `d${round}`,
        name: `t${round}`,
        hwaddr: `00:16:3e:00:0e:${(round + 16).toString(16)}`,
      });
    }
    expect(Object.keys(await networks.interfaces(web.pid))).toHaveLength(22);
    for (const round of rounds) await networks.detach('web', `d${round}`);
    expect(Object.keys(await networks.interfaces(web.pid)).sort()).toEqual(['eth0', 'lo']);
  });

  test('removes the ports of machines that are not in the list', async () => {
    await networks.prune(['web', 'db']);
    expect(Object.keys(await networks.interfaces(machines[2]?.pid ?? 0))).toEqual(['lo']);
    expect(ping(machines[0] as Machine, 'db')).toBe(true);
  });

  test('brings dnsmasq and the uplink back when they die', async () => {
    const before = helpers();
    for (const helper of before) process.kill(Number(helper.split(' ')[1]), 'SIGKILL');
    await eventually(() => {
      const now = helpers();
      expect(now).toHaveLength(2);
      expect(now.filter((helper) => before.includes(helper))).toEqual([]);
    }, 10_000);
    await machines[0]?.lease();
    expect(ping(machines[0] as Machine, 'db')).toBe(true);
    expect(problems).toEqual([]);
  });

  test('gives thirty machines a lease at once', async () => {
    const thirty = await Promise.all(Array.from({ length: 30 }, (_, at) => startMachine(`m${at}`)));
    machines.push(...thirty);
    const from = performance.now();
    await Promise.all(thirty.map((each) => networks.attach(each.pid, each.nic)));
    const attached = performance.now();
    const times = await Promise.all(thirty.map((each) => each.lease()));
    console.log(
      `thirty: attached in ${(attached - from).toFixed(0)} ms, leases in ${(performance.now() - attached).toFixed(0)} ms, slowest ${Math.max(...times).toFixed(0)} ms`,
    );
    expect(new Set(thirty.map((each) => each.address())).size).toBe(30);
    expect(ping(thirty[0] as Machine, 'm29')).toBe(true);
    const names = (await networks.leases(bridge)).map(({ hostname }) => hostname);
    for (const { name } of thirty) expect(names).toContain(name);
  });

  test('follows a change of its address', async () => {
    await networks.apply([{ ...bridge, ipv4: '10.78.0.1/24', dhcpRange: '10.78.0.2-10.78.0.99' }]);
    const [web] = machines;
    await web?.lease();
    expect(web?.address()).toMatch(/^10\.78\.0\./);
    expect(ping(web as Machine, '10.78.0.1')).toBe(true);
  });

  test('leaves nothing behind when it is closed', async () => {
    const [web] = machines;
    if (web === undefined) throw new Error('no machine');
    await networks.close();
    expect(helpers()).toEqual([]);
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(`${paths.mountDir}/net`);
    expect(readdirSync(`${paths.mountDir}/net`)).toEqual([]);
    // The kernel takes a namespace apart in its own time, and each pair with it.
    await expect
      .poll(async () => Object.keys(await networks.interfaces(web.pid)), { timeout: 5000 })
      .toEqual(['lo']);
  });
});
