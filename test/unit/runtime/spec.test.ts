import { describe, expect, it } from 'vitest';

import { hostPath } from '../../../src/base/brand.ts';
import { capabilitySets, guestCapabilities } from '../../../src/runtime/oci/capabilities.ts';
import { maskedPaths, planMounts } from '../../../src/runtime/oci/mounts.ts';
import { buildExecProcess, buildSpec, formatSpec } from '../../../src/runtime/oci/spec.ts';
import type { OciRlimit } from '../../../src/runtime/oci/types.ts';
import type { BindMount, MachineSpec } from '../../../src/runtime/types.ts';

const machine: MachineSpec = {
  name: 'web',
  hostname: 'web',
  root: hostPath('/mnt/roots/7'),
  idmap: {
    uid: [
      { inside: 0, outside: 1, count: 1000 },
      { inside: 1000, outside: 0, count: 1 },
    ],
    gid: [{ inside: 0, outside: 1, count: 65_536 }],
  },
  init: ['/sbin/init'],
  environment: {},
  uuid: '5b7a2c1e-0000-4000-8000-000000000001',
  mounts: [],
  nesting: false,
  noNewPrivileges: false,
  seccomp: { denyDefault: true, deny: [], allow: [] },
  rlimits: [],
  sysctl: {},
  limits: {},
};
const placement = {
  hostDir: '/mnt/run/web',
  cgroupsPath: '/machines/web',
  views: [],
  annotations: {},
};

describe('the spec of a machine', () => {
  it('gives it every namespace of its own and its ids', () => {
    const { linux } = buildSpec(machine, placement);
    expect(linux.namespaces.map(({ type }) => type).sort()).toEqual([
      'cgroup',
      'ipc',
      'mount',
      'network',
      'pid',
      'user',
      'uts',
    ]);
    // No path: joining another's namespace is never asked for.
    expect(linux.namespaces.every((namespace) => Object.keys(namespace).length === 1)).toBe(true);
    expect(linux.uidMappings).toEqual([
      { containerID: 0, hostID: 1, size: 1000 },
      { containerID: 1000, hostID: 0, size: 1 },
    ]);
  });

  it('lets no configured environment replace what identifies the container', () => {
    const environment = {
      container: 'x',
      NOTIFY_SOCKET: '/tmp/x',
      container_uuid: 'x',
      TERM: 'xterm',
    };
    const { env } = buildSpec({ ...machine, environment }, placement).process;
    expect(env).toEqual(
      expect.arrayContaining([
        'container=lxc',
        'NOTIFY_SOCKET=/run/host/notify',
        `container_uuid=${machine.uuid}`,
        'TERM=xterm',
      ]),
    );
    const names = env.map((entry) => entry.split('=')[0]);
    expect(new Set(names).size).toBe(names.length);
  });

  it('writes an unlimited rlimit as RLIM_INFINITY, which JavaScript cannot hold', () => {
    const rlimits = [{ type: 'nofile', soft: 1024, hard: Infinity }];
    const text = formatSpec(buildSpec({ ...machine, rlimits }, placement));
    expect(text).toContain('{"type":"RLIMIT_NOFILE","soft":1024,"hard":18446744073709551615}');
  });

  it('shows no cgroup where there is none', () => {
    const document = buildSpec(machine, { ...placement, cgroupsPath: undefined });
    expect(document.linux.cgroupsPath).toBeUndefined();
    expect(document.mounts.some(({ destination }) => destination === '/sys/fs/cgroup')).toBe(false);
  });
});

describe('mounts', () => {
  const memory: BindMount = {
    ...{ source: hostPath('/var/lib/lxcfs/proc/meminfo'), target: '/proc/meminfo' },
    ...{ readonly: true, recursive: false, kind: 'file' },
  };
  const plan = { hostDir: '/mnt/run/web', nesting: false, cgroup: true, views: [memory] };

  it('cover nothing under /proc with nesting', () => {
    const covers = (nesting: boolean): string[] =>
      [
        ...planMounts({ ...plan, nesting }).map(({ destination }) => destination),
        ...maskedPaths(nesting),
      ].filter((path) => path.startsWith('/proc/'));
    expect(covers(true)).toEqual([]);
    expect(covers(false)).toContain('/proc/sys/kernel/random/boot_id');
    expect(covers(false)).toContain('/proc/meminfo');
  });

  it('come after the file systems they lie on', () => {
    const seen: string[] = [];
    for (const { destination } of planMounts(plan)) {
      const later = seen.filter((earlier) => earlier.startsWith(`${destination}/`));
      expect(later).toEqual([]);
      seen.push(destination);
    }
  });
});

describe('capabilities', () => {
  it('leave out those of the host, and are never inheritable or ambient', () => {
    for (const name of ['SYS_MODULE', 'SYS_RAWIO', 'SYS_TIME', 'MAC_ADMIN', 'BPF', 'SYSLOG']) {
      expect(guestCapabilities).not.toContain(`CAP_${name}`);
    }
    for (const uid of [0, 1000]) {
      expect(capabilitySets(uid)).toMatchObject({ inheritable: [], ambient: [] });
    }
    expect(capabilitySets(1000)).toMatchObject({ effective: [], permitted: [] });
  });
});

describe('the process of an exec', () => {
  const spec = {
    command: ['id'],
    environment: { A: '1' },
    cwd: '/root',
    uid: 5,
    gid: 6,
    additionalGids: [7],
  };

  it('has the ids asked for, a default PATH and no capabilities of root', () => {
    const written: unknown = JSON.parse(
      '[{"type":"RLIMIT_CORE","soft":0,"hard":18446744073709551615}]',
    );
    const facts = { noNewPrivileges: true, rlimits: written as OciRlimit[] };
    const process = buildExecProcess(spec, facts);
    const { user, env, cwd, terminal, capabilities, noNewPrivileges } = process;
    expect(formatSpec(process)).toContain('"soft":0,"hard":18446744073709551615}');
    expect(user).toEqual({ uid: 5, gid: 6, additionalGids: [7] });
    expect(env).toEqual([expect.stringMatching(/^PATH=\/usr\/local\/sbin:/), 'A=1']);
    expect({ cwd, terminal, noNewPrivileges }).toEqual({
      cwd: '/root',
      terminal: false,
      noNewPrivileges: true,
    });
    expect(capabilities.effective).toEqual([]);
  });
});
