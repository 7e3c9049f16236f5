import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { afterAll, beforeAll } from 'vitest';

import type { Networks, ProxyAddress, ProxySpec } from '../../../../src/network/types.ts';
import { bridge, openGround, startMachine, type Machine } from './ground.ts';

/** A machine with a network and published ports. */
export interface ProxyGround {
  readonly networks: () => Networks;
  readonly web: () => Machine;
  /** A directory of the host. */
  readonly hostDir: string;
  /** A directory of the machine alone. */
  readonly guestDir: string;
  readonly publish: (
    listen: string,
    target: string,
    more?: Partial<ProxySpec>,
  ) => Promise<ProxySpec>;
  /** Runs a Node program of ours in the machine until it prints that it listens. */
  readonly serve: (source: string) => Promise<void>;
  /** Names of the interfaces of the switch. */
  readonly switchLinks: () => string;
}

export function openProxyGround(): ProxyGround {
  const { paths, networks: daemon } = openGround([]);
  const guestDir = '/mnt/guest';
  const networks = daemon();
  let web: Machine;
  let devices = 0;

  beforeAll(async () => {
    await networks.apply([bridge]);
    web = await startMachine('web');
    await networks.attach(web.pid, web.nic);
    await web.lease();
    web.run('mount', '-t', 'tmpfs', '-o', 'mode=755', 'none', '/mnt');
    web.run('mkdir', guestDir);
  });

  afterAll(async () => {
    await web.kill();
    await networks.close();
  });

  return {
    networks: () => networks,
    web: () => web,
    hostDir: dirname(paths.dataDir),
    guestDir,
    publish: async (listen, target, more = {}) => {
      const proxy: ProxySpec = {
        instance: 'web',
        device: `p${(devices += 1)}`,
        listen: address(listen),
        connect: address(target),
        bind: 'host',
        mode: 0o644,
        ...more,
      };
      await networks.addProxy(web.pid, proxy);
      return proxy;
    },
    serve: async (source) => {
      const child = web.start(process.execPath, '-e', source);
      await once(child.stdout as NodeJS.EventEmitter, 'data');
    },
    switchLinks: () =>
      execFileSync('nsenter', [`--net=${paths.mountDir}/net/switch`, 'ip', '-o', 'link'], {
        encoding: 'utf8',
      }),
  };
}

/** Callback of a server in the machine that tells `serve` it listens. */
export const sayUp = `() => console.log('up')`;

export function address(text: string): ProxyAddress {
  const [kind = '', ...rest] = text.split(':');
  if (kind === 'unix') return { kind, path: rest.join(':') };
  const ports = (rest[1] ?? '').split(',').map(Number);
  return { kind: kind as 'tcp', host: rest[0] ?? '', ports };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** Everything the other end says after `data` and our end. */
export async function talk(socket: Socket, data = ''): Promise<string> {
  socket.end(data);
  let heard = '';
  socket.on('data', (chunk) => (heard += chunk.toString()));
  // A relay that has nobody at its other end hangs up, in whichever way.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('close', resolve));
  return heard;
}
