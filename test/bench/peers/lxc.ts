import { chownSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { diskUsage } from '../disk.ts';
import { hasProgram } from '../host.ts';
import { firstSubordinate } from '../image.ts';
import { Unavailable } from '../peer.ts';

import type { Command, Host } from '../host.ts';
import type { Image } from '../image.ts';
import type { Peer } from '../peer.ts';

/** The plain LXC tools as an ordinary user; machines are overlay clones of one base. */
export function lxcPeer(host: Host, image: Image, account: string): Peer {
  const directory = join(host.work, 'lxc');
  const env = { XDG_RUNTIME_DIR: join(host.work, 'lxc-runtime') };
  const lxc = (tool: string, ...words: string[]): Command => ({
    argv: [`lxc-${tool}`, '-P', directory, ...words],
    env,
  });
  const named = (tool: string, machine: string, ...words: string[]): Command =>
    lxc(tool, '-n', machine, ...words);
  return {
    name: 'lxc',
    about: 'unprivileged, overlay clones, loopback network only (a bridge wants set-up by root)',
    prepare: () => {
      if (!hasProgram(host, 'lxc-start')) throw new Unavailable('not installed');
      const uids = firstSubordinate('uid', account);
      const gids = firstSubordinate('gid', account);
      const base = join(directory, 'base');
      for (const part of [directory, base, env.XDG_RUNTIME_DIR]) {
        mkdirSync(part, { recursive: true });
        chownSync(part, host.uid, host.gid);
      }
      const config = [
        'lxc.include = /usr/share/lxc/config/common.conf',
        'lxc.include = /usr/share/lxc/config/userns.conf',
        `lxc.idmap = u 0 ${uids} 65536`,
        `lxc.idmap = g 0 ${gids} 65536`,
        'lxc.apparmor.profile = unconfined',
        'lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed',
        'lxc.net.0.type = empty',
        `lxc.rootfs.path = dir:${base}/rootfs`,
        'lxc.uts.name = base',
      ];
      writeFileSync(join(base, 'config'), `${config.join('\n')}\n`);
      const maps = [
        `u:0:${uids}:65536`,
        `g:0:${gids}:65536`,
        `u:65536:${host.uid}:1`,
        `g:65536:${host.gid}:1`,
      ];
      const script =
        'mkdir rootfs && tar -xf "$1" -C rootfs --numeric-owner --xattrs --xattrs-include="*" && chown 0:65536 . && chmod 770 .';
      host.run({
        argv: [
          'lxc-usernsexec',
          ...maps.flatMap((map) => ['-m', map]),
          '--',
          'sh',
          '-c',
          `cd "$2" && ${script}`,
          'unpack',
          image.rootfsTar,
          base,
        ],
      });
      return Promise.resolve();
    },
    // run.sh removes the directory.
    close: () => {
      const running = host
        .run(lxc('ls', '--running', '-1'))
        .stdout.trim()
        .split(/\s+/);
      for (const machine of running) if (machine !== '') host.run(named('stop', machine, '--kill'));
      return Promise.resolve();
    },
    version: () => ({ argv: ['lxc-ls', '--version'] }),
    list: () => lxc('ls', '--fancy'),
    create: (machine) =>
      lxc('copy', '-n', 'base', '-N', machine, '--snapshot', '--backingstorage', 'overlay'),
    start: (machine) => named('start', machine),
    exec: (machine, words) => named('attach', machine, '--', ...words),
    stop: (machine) => named('stop', machine, '--timeout', '60'),
    // Restoring one of an overlay clone ends with an error.
    snapshot: (machine) => named('snapshot', machine),
    copy: (machine, copy) =>
      named('copy', machine, '-N', copy, '--snapshot', '--backingstorage', 'overlay'),
    remove: (machine) => named('destroy', machine, '--force', '--snapshots'),
    // Its database is a directory with a configuration file for each machine.
    fill: (names) => {
      const config = readFileSync(join(directory, 'base/config'), 'utf8');
      for (const name of names) {
        mkdirSync(join(directory, name));
        writeFileSync(join(directory, name, 'config'), config);
        chownSync(join(directory, name), host.uid, host.gid);
      }
      return Promise.resolve();
    },
    ownsProcess: (line) => line.includes(`${directory} `),
    usedBytes: () => diskUsage(directory),
  };
}
