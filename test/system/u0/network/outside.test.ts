import { once } from 'node:events';
import { createServer, type AddressInfo, type Server } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import type { Networks } from '../../../../src/network/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { bridge, openGround, startMachine, type Machine } from './ground.ts';

const test = needs('tun', 'network');

/** Says `secret` to whoever connects. */
async function listenAt(host: string): Promise<{ server: Server; port: string }> {
  const server = createServer((socket) => socket.end('secret'));
  server.listen(0, host);
  await once(server, 'listening');
  return { server, port: `${(server.address() as AddressInfo).port}` };
}

const hostAddress = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

describe.each(['slirp4netns', 'pasta'] as const)('the outside through %s', (driver) => {
  const ground = openGround([driver]);
  const networks: Networks = ground.networks();
  let web: Machine;
  let loopback: { server: Server; port: string };

  beforeAll(async () => {
    await networks.apply([bridge]);
    web = await startMachine('web');
    await networks.attach(web.pid, web.nic);
    await web.lease();
    loopback = await listenAt('127.0.0.1');
  });

  afterAll(async () => {
    loopback.server.close();
    await web.kill();
    await networks.close();
  });

  /**
   * What a listener at that address says to the machine. Never waits in this thread, where it
   * lives.
   */
  async function hear(host: string, port: string): Promise<string> {
    const client = web.start('busybox', 'timeout', '2', 'busybox', 'nc', host, port);
    client.stdin?.end();
    let heard = '';
    client.stdout?.on('data', (data: Buffer) => (heard += data.toString()));
    await once(client, 'exit');
    return heard;
  }

  test('is the driver that was asked for', () => {
    expect(networks.report).toEqual({ uplink: driver, why: '' });
  });

  test('is reached by name over http', () => {
    const page = web.run(
      ...[
        'busybox',
        'wget',
        '-q',
        '-O',
        '-',
        'http://deb.debian.org/debian/dists/bookworm/Release',
      ],
    );
    expect(page).toContain('Codename: bookworm');
  });

  test('has the names that the host knows, and none that nobody knows', () => {
    expect(web.run('busybox', 'nslookup', 'deb.debian.org')).toMatch(/Address: \d/);
    expect(web.exec('busybox', 'nslookup', 'no-such-machine.warren').status).not.toBe(0);
  });

  test('includes services of the host that listen to its network', async () => {
    if (hostAddress === undefined) throw new Error('this host has no address of its own');
    const open = await listenAt(hostAddress);
    // Debian 12's pasta may repeat what a client hears that has closed its own half.
    expect(await hear(hostAddress, open.port)).toMatch(/^secret/);
    open.server.close();
  });

  test("does not include the host's loopback, by any address", async () => {
    const own = web.address();
    const addresses = [
      ...['127.0.0.1', '127.0.0.53', '0.0.0.0', '10.77.0.1', own, '10.0.2.2', '10.0.2.3'],
      ...['198.18.77.0', '198.18.77.1', '198.18.77.2', '198.18.77.3', '198.18.77.100'],
      ...['198.18.77.255', '169.254.169.254', '255.255.255.255', hostAddress ?? '10.0.0.1'],
    ];
    const heard = await Promise.all(
      addresses.map(async (address) => [address, await hear(address, loopback.port)]),
    );
    expect(heard).toEqual(addresses.map((address) => [address, '']));
  });

  test('cannot be reached past the rules by routing around them', async () => {
    web.run('busybox', 'ip', 'route', 'add', '127.9.9.9', 'via', '10.77.0.1', 'dev', 'eth0');
    expect(await hear('127.9.9.9', loopback.port)).toBe('');
  });
});

describe('a host that lends no uplink', () => {
  test('is told so with the reason, and its machines have a network among themselves', async () => {
    const networks = openGround([]).networks();
    await networks.apply([bridge]);
    expect(networks.report.uplink).toBe('none');
    const [a, b] = [await startMachine('a'), await startMachine('b')];
    for (const each of [a, b]) {
      await networks.attach(each.pid, each.nic);
      await each.lease();
    }
    expect(a.run('busybox', 'ping', '-c', '1', '-W', '1', 'b')).toContain('1 packets received');
    await Promise.all([a.kill(), b.kill()]);
    await networks.close();
  });

  test('is not asked when no network has NAT', async () => {
    const networks = openGround().networks();
    await networks.apply([{ ...bridge, nat: false }]);
    expect(networks.report).toEqual({ uplink: 'none', why: 'no network has ipv4.nat' });
    await networks.apply([bridge]);
    expect(networks.report.uplink).toBe('slirp4netns');
    await networks.apply([]);
    expect(networks.report.uplink).toBe('none');
    await networks.close();
  });
});
