import { existsSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { fillEmpty, openApi } from '../api.ts';
import { diskUsage } from '../disk.ts';
import { streamWords } from '../stream.ts';
import { CommandError, hasProgram } from '../host.ts';
import { Unavailable } from '../peer.ts';

import type { Command, Host } from '../host.ts';
import type { Image } from '../image.ts';
import type { Peer } from '../peer.ts';

const network = 'warrenbench0';
const alias = 'bench';

/** A daemon of its own, as root, with one pool of the kind; both kinds share that daemon. */
export function lxdPeer(host: Host, image: Image, driver: 'dir' | 'btrfs'): Peer {
  const directory = join(host.state, 'lxd');
  const env = { LXD_DIR: directory, HOME: join(host.state, 'lxd-client') };
  const lxc = (...argv: string[]): Command => ({ argv: ['lxc', ...argv], env, asRoot: true });
  const api = openApi(join(directory, 'unix.socket'), 0);
  const pool = join(directory, 'storage-pools', driver);
  return {
    name: `lxd ${driver}`,
    about: `root daemon of its own, ${driver} pool${driver === 'btrfs' ? ' on a loop device' : ''}, bridge with DHCP`,
    prepare: async () => {
      if (!hasProgram(host, 'lxd')) throw new Unavailable('not installed');
      if (host.lxdPid === 0) throw new Unavailable('starting its daemon wants root');
      if (driver === 'btrfs' && !hasProgram(host, 'mkfs.btrfs'))
        throw new Unavailable('btrfs-progs is not installed');
      await answers(host, lxc('query', '/1.0'));
      if (!has(host, lxc('network', 'show', network))) {
        const keys = ['ipv4.address=10.98.7.1/24', 'ipv4.nat=true', 'ipv6.address=none'];
        host.run(lxc('network', 'create', network, ...keys));
        host.run(lxc('image', 'import', image.unified, '--alias', alias));
      }
      host.run(
        lxc('storage', 'create', driver, driver, ...(driver === 'btrfs' ? ['size=6GiB'] : [])),
      );
      // The first machine of a pool unpacks the image; what is measured is the cached one.
      host.run(lxc('init', alias, 'first', '--storage', driver, '--network', network));
      host.run(lxc('delete', 'first'));
    },
    close: () => {
      // run.sh ends the daemon; what outlives that is removed here.
      for (const one of names(host.run(lxc('list', '--format', 'csv', '--columns', 'n')).stdout))
        if (driver === 'dir' || !one.startsWith('listed')) host.run(lxc('delete', '--force', one));
      if (driver !== 'dir') return Promise.resolve();
      for (const one of names(
        host.run(lxc('image', 'list', '--format', 'csv', '--columns', 'f')).stdout,
      ))
        host.run(lxc('image', 'delete', one));
      for (const one of ['dir', 'btrfs'])
        if (existsSync(join(directory, 'storage-pools', one)))
          host.run(lxc('storage', 'delete', one));
      host.run(lxc('network', 'delete', network));
      return Promise.resolve();
    },
    version: () => lxc('--version'),
    list: () => lxc('list'),
    lxcList: () => lxc('list'),
    create: (machine) => lxc('init', alias, machine, '--storage', driver, '--network', network),
    start: (machine) => lxc('start', machine),
    exec: (machine, words) => lxc('exec', machine, '--', ...words),
    stream: (machine) => ({ ...lxc(), argv: streamWords(machine) }),
    stop: (machine) => lxc('stop', machine),
    snapshot: (machine) => lxc('snapshot', machine, 'kept'),
    restore: (machine) => lxc('restore', machine, 'kept'),
    copy: (machine, copy) => lxc('copy', machine, copy),
    remove: (machine) => lxc('delete', '--force', machine),
    api,
    fill: async (wanted) => {
      const there = new Set(
        names(host.run(lxc('list', '--format', 'csv', '--columns', 'n')).stdout),
      );
      await fillEmpty(
        api,
        wanted.filter((name) => !there.has(name)),
        { devices: { root: { type: 'disk', path: '/', pool: driver } } },
      );
    },
    ownsProcess: (line) => line.startsWith('lxd --logfile') || line.includes(`${directory}/`),
    usedBytes: () => {
      if (driver === 'dir') return diskUsage(pool);
      host.run({ argv: ['sync'], asRoot: true });
      // The pool is mounted in the daemon's mount namespace.
      const { blocks, bfree, bsize } = statfsSync(`/proc/${host.lxdPid}/root${pool}`);
      return (blocks - bfree) * bsize;
    },
  };
}

const names = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

function has(host: Host, command: Command): boolean {
  try {
    host.run(command);
    return true;
  } catch (error) {
    if (error instanceof CommandError) return false;
    throw error;
  }
}

async function answers(host: Host, command: Command): Promise<void> {
  for (let waitedMs = 0; !has(host, command); waitedMs += 250) {
    if (waitedMs > 30_000) throw new Unavailable('its daemon does not answer on this host');
    await sleep(250);
  }
}
