import { afterAll, beforeAll, describe, expect } from 'vitest';

import type { NicSpec } from '../../../../src/network/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, startMachine, type Machine } from './ground.ts';

const test = needs('network');
const networks = openGround([]).networks();
const machines: Machine[] = [];

async function machine(name: string, nic?: Partial<NicSpec>): Promise<Machine> {
  const made = await startMachine(name, nic);
  machines.push(made);
  await networks.attach(made.pid, made.nic);
  await made.lease();
  return made;
}

function ping(from: Machine, to: string): boolean {
  return from.exec('busybox', 'ping', '-c', '1', '-W', '1', to).status === 0;
}

function setHwaddr(of: Machine, hwaddr: string): void {
  of.run('busybox', 'ip', 'link', 'set', 'eth0', 'down');
  of.run('busybox', 'ip', 'link', 'set', 'eth0', 'address', hwaddr);
  of.run('busybox', 'ip', 'link', 'set', 'eth0', 'up');
}

function setAddress(of: Machine, address: string): void {
  of.run('busybox', 'ip', '-4', 'addr', 'flush', 'dev', 'eth0');
  of.run('busybox', 'ip', 'addr', 'add', `${address}/24`, 'dev', 'eth0');
}

let web: Machine;
beforeAll(async () => {
  await networks.apply([bridge]);
  web = await machine('web');
});

afterAll(async () => {
  await Promise.all(machines.map((each) => each.kill()));
  await networks.close();
});

describe('a port', () => {
  test('without a filter lets a machine change its hardware address', async () => {
    const free = await machine('free');
    setHwaddr(free, '00:16:3e:77:00:01');
    setAddress(free, '10.77.0.210');
    expect(ping(free, web.address())).toBe(true);
  });

  test('with a filter drops frames of another hardware address, and works with its own', async () => {
    const bound = await machine('bound', { filter: { ipv4: undefined } });
    expect(ping(bound, web.address())).toBe(true);
    setHwaddr(bound, '00:16:3e:77:00:02');
    setAddress(bound, '10.77.0.211');
    expect(ping(bound, web.address())).toBe(false);
    setHwaddr(bound, bound.nic.hwaddr);
    setAddress(bound, '10.77.0.211');
    expect(ping(bound, web.address())).toBe(true);
  });

  test('with an address filter drops packets and ARP of another address, but lets DHCP ask', async () => {
    const made = await startMachine('strict', { filter: { ipv4: '10.77.0.220' } });
    machines.push(made);
    const { hwaddr } = made.nic;
    await networks.apply([
      { ...bridge, reservations: [{ instance: 'strict', hwaddr, address: '10.77.0.220' }] },
    ]);
    await networks.attach(made.pid, made.nic);
    await made.lease();
    expect(made.address()).toBe('10.77.0.220');
    expect(ping(made, web.address())).toBe(true);
    setAddress(made, '10.77.0.221');
    expect(ping(made, web.address())).toBe(false);
    // Claiming the neighbour's address by ARP reaches nobody either.
    const learned = web.run('busybox', 'arp', '-n');
    made.exec(
      'busybox',
      'arping',
      '-U',
      '-c',
      '2',
      '-I',
      'eth0',
      '-s',
      '10.77.0.210',
      '10.77.0.210',
    );
    expect(web.run('busybox', 'arp', '-n')).toBe(learned);
    setAddress(made, '10.77.0.220');
    expect(ping(made, web.address())).toBe(true);
  });

  test('loses its filter when it is detached', async () => {
    const bound = machines.find(({ name }) => name === 'bound') as Machine;
    await networks.detach('bound', 'eth0');
    await networks.attach(bound.pid, {
      ...bound.nic,
      filter: undefined,
    });
    setHwaddr(bound, '00:16:3e:77:00:03');
    setAddress(bound, '10.77.0.212');
    expect(ping(bound, web.address())).toBe(true);
  });

  test('that is isolated reaches others, but none that is isolated too', async () => {
    const one = await machine('one', { isolated: true });
    const two = await machine('two', { isolated: true });
    expect(ping(one, web.address())).toBe(true);
    expect(ping(one, '10.77.0.1')).toBe(true);
    expect(ping(one, two.address())).toBe(false);
  });

  test('on one network is apart from another network', async () => {
    const other = { ...bridge, name: 'lab', ipv4: '10.99.0.1/24', dhcpRange: undefined };
    await networks.apply([bridge, other]);
    const lab = await machine('lab1', { bridge: 'lab' });
    expect(lab.address()).toMatch(/^10\.99\.0\./);
    expect(ping(lab, '10.99.0.1')).toBe(true);
    expect(ping(lab, web.address())).toBe(false);
    expect(ping(web, lab.address())).toBe(false);
    await networks.apply([bridge]);
    expect(ping(lab, '10.99.0.1')).toBe(false);
    expect(ping(web, '10.77.0.1')).toBe(true);
  });
});
