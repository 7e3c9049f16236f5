import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import type { NicSpec } from '../../../../src/network/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, startMachine, type Machine } from './ground.ts';

const test = needs('network');
/** How long an entry is kept whatever ARP says, and a bit more (arp(7), locktime). */
const locktimeMs = 1200;
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

/** The hardware address that `of` has learned for an address. */
function neighbour(of: Machine, address: string): string {
  const escaped = address.replaceAll('.', String.raw`\.`);
  const line = new RegExp(`\\(${escaped}\\) at (\\S+)`).exec(
    of.run('busybox', 'arp', '-n', address),
  );
  return line?.[1] ?? '';
}

/** An ARP reply as a frame of its own, with what stands before its type. */
function sayByArp(
  from: Machine,
  { mac, address, to }: { mac: string; address: string; to: Machine },
  ...tag: readonly string[]
): void {
  const hex = (text: string, separator: string, base: number): string =>
    text
      .split(separator)
      .map((part) => Number.parseInt(part, base).toString(16).padStart(2, '0'))
      .join('');
  const sender = hex(mac, ':', 16);
  const target = hex(to.nic.hwaddr, ':', 16);
  const frame = [
    ...[target, sender, ...tag, '0806', '0001080006040002'],
    ...[sender, hex(address, '.', 10), target, hex(to.address(), '.', 10)],
  ].join('');
  const index = /^\d+/.exec(from.run('busybox', 'ip', '-o', 'link', 'show', 'eth0'))?.[0] ?? '';
  from.run(
    'perl',
    '-e',
    'socket(S, 17, 3, 0) or die $!; send(S, pack("H*", $ARGV[0]) . "\\0" x 18, 0, pack("SnlSCCa8", 17, 0, $ARGV[1], 0, 0, 6, "")) or die $!',
    frame,
    index,
  );
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
    // Nor in a frame with a tag of VLAN 0, which is taken for one without.
    const gateway = '10.77.0.1';
    expect(ping(web, gateway)).toBe(true);
    const known = neighbour(web, gateway);
    await sleep(locktimeMs);
    sayByArp(made, { mac: hwaddr, address: gateway, to: web }, '8100', '0000');
    sayByArp(made, { mac: hwaddr, address: gateway, to: web }, '88a8', '0000');
    expect(neighbour(web, gateway)).toBe(known);
  });

  test('without a filter is believed by ARP, with a tag of VLAN 0 and without', async () => {
    const liar = await machine('liar');
    const claim = { mac: liar.nic.hwaddr, address: '10.77.0.1', to: web };
    for (const tag of [[], ['8100', '0000']]) {
      expect(ping(web, '10.77.0.1')).toBe(true);
      expect(neighbour(web, '10.77.0.1')).not.toBe(liar.nic.hwaddr);
      await sleep(locktimeMs);
      sayByArp(liar, claim, ...tag);
      expect(neighbour(web, '10.77.0.1')).toBe(liar.nic.hwaddr);
      web.run('busybox', 'arp', '-d', '10.77.0.1');
    }
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
    // Nor by way of the gateway, which would hand on to the bridge what it got from there.
    const echoes = (): number =>
      Number(/^Icmp: (?:\d+ ){8}(\d+)/m.exec(two.run('cat', '/proc/net/snmp'))?.[1]);
    expect(ping(two, '127.0.0.1')).toBe(true);
    const before = echoes();
    expect(before).toBeGreaterThan(0);
    one.run('busybox', 'ip', 'route', 'add', two.address(), 'via', '10.77.0.1');
    expect(ping(one, two.address())).toBe(false);
    expect(echoes()).toBe(before);
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
