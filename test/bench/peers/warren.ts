import { join } from 'node:path';

import { fillEmpty, openApi } from '../api.ts';
import { diskUsage } from '../disk.ts';
import { hasProgram } from '../host.ts';
import { imageAlias } from '../image.ts';
import { streamWords } from '../stream.ts';

import type { Command, Host } from '../host.ts';
import type { Peer } from '../peer.ts';

/** The program as a person types it. */
export function warrenCommand(host: Host): (...words: string[]) => Command {
  const program = join(host.work, 'program/dist/bin/warren.cjs');
  const env = { WARREN_DIR: join(host.work, 'warren') };
  return (...words) => ({ argv: [process.execPath, program, ...words], env });
}

export function warrenPeer(host: Host): Peer {
  const warren = warrenCommand(host);
  const directory = join(host.work, 'warren');
  const api = openApi(join(directory, 'unix.socket'), host.uid);
  const env = { LXD_DIR: directory, LXD_CONF: join(host.work, 'lxc') };
  const stock = !hasProgram(host, 'lxc')
    ? {}
    : {
        lxcList: (): Command => ({ argv: ['lxc', 'list'], env }),
        stream: (machine: string): Command => ({ argv: streamWords(machine), env }),
      };
  return {
    name: 'warren',
    about: 'as an ordinary user; bridge, DHCP and slirp4netns',
    // Preparing the image has started its daemon.
    prepare: () => Promise.resolve(),
    // run.sh removes the directory.
    close: () => {
      host.run(warren('daemon', 'stop', '--machines'));
      return Promise.resolve();
    },
    version: () => warren('--version'),
    list: () => warren('list'),
    ...stock,
    create: (machine) => warren('init', imageAlias, machine),
    start: (machine) => warren('start', '--no-wait', machine),
    startAndWait: (machine) => warren('start', machine),
    exec: (machine, words) => warren('exec', machine, '--', ...words),
    stop: (machine) => warren('stop', machine),
    snapshot: (machine) => warren('snapshot', machine, 'kept'),
    restore: (machine) => warren('restore', machine, 'kept'),
    copy: (machine, copy) => warren('copy', machine, copy),
    remove: (machine) => warren('delete', '--force', machine),
    api,
    fill: (names) => fillEmpty(api, names, {}),
    ownsProcess: (line) => line.includes(join(host.work, 'program/dist/bin/warren-keeper')),
    usedBytes: () => diskUsage(directory),
  };
}
