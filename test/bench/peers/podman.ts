import { chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { diskUsage } from '../disk.ts';
import { hasProgram } from '../host.ts';
import { Unavailable } from '../peer.ts';

import type { Command, Host } from '../host.ts';
import type { Image } from '../image.ts';
import type { Peer } from '../peer.ts';

/** Rootless with the kernel's overlay, its own storage and run-time directory. */
export function podmanPeer(host: Host, image: Image): Peer {
  const directory = join(host.work, 'podman');
  const env = {
    XDG_RUNTIME_DIR: join(directory, 'runtime'),
    XDG_CONFIG_HOME: join(directory, 'config'),
  };
  const places = ['--root', join(directory, 'graph'), '--runroot', join(directory, 'run')];
  const podman = (...words: string[]): Command => ({
    argv: ['podman', ...places, '--storage-driver=overlay', '--cgroup-manager=cgroupfs', ...words],
    env,
  });
  const create = (machine: string): Command =>
    podman('create', '--systemd=always', '--name', machine, 'bench:1', '/sbin/init');
  return {
    name: 'podman',
    about: 'rootless, overlay, --systemd=always, slirp4netns',
    prepare: () => {
      if (!hasProgram(host, 'podman')) throw new Unavailable('not installed');
      for (const part of ['', 'runtime', 'config']) {
        mkdirSync(join(directory, part), { recursive: true, mode: 0o700 });
        chownSync(join(directory, part), host.uid, host.gid);
      }
      host.run(podman('import', image.rootfsTar, 'bench:1'));
      return Promise.resolve();
    },
    // run.sh removes the directory, which is faster than deleting a thousand containers.
    close: () => {
      host.run(podman('kill', '--all'));
      host.run(podman('system', 'migrate'));
      return Promise.resolve();
    },
    version: () => podman('--version'),
    list: () => podman('ps', '--all'),
    create,
    start: (machine) => podman('start', machine),
    exec: (machine, words) => podman('exec', machine, ...words),
    // It waits 10 s by default before it kills, which is not what stopping costs.
    stop: (machine) => podman('stop', '--time', '60', machine),
    // Its images keep what a container has changed; run.sh removes them.
    snapshot: (machine) => podman('commit', '--quiet', machine, `kept-${machine}`),
    remove: (machine) => podman('rm', '--force', '--time', '0', machine),
    fill: (names) => {
      for (const name of names) host.run(create(name));
      return Promise.resolve();
    },
    ownsProcess: (line) => line.includes(`${directory}/`),
    usedBytes: () => diskUsage(directory),
  };
}
