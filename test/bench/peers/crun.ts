import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { hasProgram } from '../host.ts';
import { firstSubordinate } from '../image.ts';
import { Unavailable } from '../peer.ts';

import type { Command, Host } from '../host.ts';
import type { Image } from '../image.ts';
import type { Peer } from '../peer.ts';

const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'DAC_READ_SEARCH',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'LINUX_IMMUTABLE',
  'NET_BIND_SERVICE',
  'NET_BROADCAST',
  'NET_ADMIN',
  'NET_RAW',
  'IPC_LOCK',
  'IPC_OWNER',
  'SYS_CHROOT',
  'SYS_PTRACE',
  'SYS_ADMIN',
  'SYS_BOOT',
  'SYS_NICE',
  'SYS_RESOURCE',
  'SYS_TTY_CONFIG',
  'MKNOD',
  'LEASE',
  'AUDIT_WRITE',
  'AUDIT_CONTROL',
  'SETFCAP',
].map((name) => `CAP_${name}`);

/** The OCI runtime that warren and podman call, alone: no image, no network, no record. */
export function crunPeer(host: Host, image: Image, account: string): Peer {
  const directory = join(host.work, 'crun');
  const crun = (...words: string[]): Command => ({
    argv: ['crun', '--root', join(directory, 'state'), '--cgroup-manager', 'cgroupfs', ...words],
  });
  return {
    name: 'crun',
    about: 'the bare runtime, rootless, on an unpacked directory, no network',
    prepare: () => {
      if (!hasProgram(host, 'crun')) throw new Unavailable('not installed');
      for (const part of [directory, join(directory, 'state')]) {
        mkdirSync(part, { mode: 0o700 });
        chownSync(part, host.uid, host.gid);
      }
      writeFileSync(
        join(directory, 'config.json'),
        JSON.stringify(spec(host, image.rootfsDir, account)),
      );
      return Promise.resolve();
    },
    // run.sh removes the directory.
    close: () => {
      const there = host.run(crun('list', '--quiet')).stdout.trim().split(/\s+/);
      for (const machine of there) if (machine !== '') host.run(crun('delete', '--force', machine));
      return Promise.resolve();
    },
    version: () => crun('--version'),
    list: () => crun('list'),
    start: (machine) => crun('run', '--detach', '--bundle', directory, machine),
    exec: (machine, words) => crun('exec', machine, ...words),
    remove: (machine) => crun('delete', '--force', machine),
    ownsProcess: (line) => line.includes(`${directory}/`),
  };
}

function spec(host: Host, rootfs: string, account: string): unknown {
  const map = (own: number, first: number) => [
    { containerID: 0, hostID: own, size: 1 },
    { containerID: 1, hostID: first, size: 65535 },
  ];
  const tmpfs = (destination: string, mode: string) => ({
    destination,
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'nodev', `mode=${mode}`],
  });
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/sbin/init'],
      env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'container=oci'],
      cwd: '/',
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        inheritable: [],
        ambient: [],
      },
      noNewPrivileges: false,
    },
    root: { path: rootfs, readonly: false },
    hostname: 'bench',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      tmpfs('/dev', '755'),
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
      },
      tmpfs('/dev/shm', '1777'),
      {
        destination: '/dev/mqueue',
        type: 'mqueue',
        source: 'mqueue',
        options: ['nosuid', 'nodev'],
      },
      {
        destination: '/sys',
        type: 'sysfs',
        source: 'sysfs',
        options: ['nosuid', 'noexec', 'nodev', 'ro'],
      },
      {
        destination: '/sys/fs/cgroup',
        type: 'cgroup',
        source: 'cgroup',
        options: ['nosuid', 'noexec', 'nodev', 'rw'],
      },
      tmpfs('/run', '755'),
      tmpfs('/tmp', '1777'),
    ],
    linux: {
      uidMappings: map(host.uid, firstSubordinate('uid', account)),
      gidMappings: map(host.gid, firstSubordinate('gid', account)),
      cgroupsPath: '/crun-bench',
      namespaces: ['pid', 'network', 'ipc', 'uts', 'user', 'cgroup', 'mount'].map((type) => ({
        type,
      })),
    },
  };
}
