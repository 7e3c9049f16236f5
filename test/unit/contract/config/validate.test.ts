import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { deviceTypes } from '../../../../src/contract/config/device-keys.ts';
import { validateDevices } from '../../../../src/contract/config/devices.ts';
import { instanceKeys } from '../../../../src/contract/config/instance-keys.ts';
import type { KeyRow } from '../../../../src/contract/config/key.ts';
import { configurationMetadata } from '../../../../src/contract/config/metadata.ts';
import {
  configTables,
  isLive,
  validateConfig,
  type ConfigContext,
} from '../../../../src/contract/config/validate.ts';
import { valueProblem } from '../../../../src/contract/config/values.ts';

function problem(key: string, value: string, context: ConfigContext = 'instance'): string {
  const issues = validateConfig({ [key]: value }, context);
  return issues.map(({ path, problem }) => `${path}: ${problem}`).join('; ');
}

describe('the key tables', () => {
  it.each(Object.entries(configTables))('%s: names are unique and defaults valid', (_, table) => {
    const names = [...table.rows, ...table.unsupported].map(({ key }) => key);
    expect(new Set(names).size).toBe(names.length);
    for (const row of table.rows) expect(valueProblem(row, row.default ?? '')).toBeUndefined();
  });

  it('device keys have valid defaults', () => {
    for (const { keys } of deviceTypes) {
      for (const row of keys) expect(valueProblem(row, row.default ?? '')).toBeUndefined();
    }
  });

  it('summaries are one sentence without a full stop', () => {
    const rows: readonly KeyRow[] = [
      ...instanceKeys,
      ...configTables.network.rows,
      ...deviceTypes.flatMap(({ keys }) => keys),
    ];
    for (const { summary } of rows) expect(summary).toMatch(/^\S.{4,200}[^.]$/);
  });

  it('give metadata for every key', () => {
    const { configs } = configurationMetadata();
    const groups = Object.values(configs['instance'] ?? {});
    expect(groups.flatMap(({ keys }) => keys).length).toBe(instanceKeys.length);
    expect(configs['device-proxy']?.['device-conf']?.keys).toContainEqual({
      bind: expect.objectContaining({ defaultdesc: 'host', liveupdate: 'yes' }) as unknown,
    });
  });
});

describe('validateConfig', () => {
  it.each([
    ['limits.memory', '512MiB'],
    ['limits.memory', '25%'],
    ['limits.cpu', '2'],
    ['limits.cpu', '0-3,5'],
    ['limits.cpu.allowance', '25ms/100ms'],
    ['limits.kernel.nofile', '1024:4096'],
    ['limits.kernel.memlock', 'unlimited'],
    ['limits.hugepages.2MB', '64MiB'],
    ['boot.autostart', 'TRUE'],
    ['environment.LANG', 'C.UTF-8'],
    ['linux.sysctl.net.ipv4.ip_forward', '1'],
    ['raw.idmap', 'both 1000 1000\nuid 50-60 500-510\n'],
    ['security.syscalls.blacklist', 'keyctl\nbpf'],
    ['security.privileged', 'false'],
    ['snapshots.schedule', '0 6 * * mon-fri'],
    ['snapshots.schedule', '@hourly, @startup'],
    ['snapshots.pattern', 'nightly'],
    ['snapshots.pattern', "{{ creation_date|date:'2006-01-02' }}.%d"],
    ['snapshots.expiry', '1M 2H 3d 4w 5m 6y'],
    ['user.anything at all', 'x'],
    ['volatile.eth0.hwaddr', '00:16:3e:00:00:01'],
    ['limits.memory', ''],
  ])('accepts %s=%s', (key, value) => {
    expect(problem(key, value)).toBe('');
  });

  it.each([
    ['limits.memroy', '1GiB', /unknown key; the nearest name is "limits.memory"/],
    ['limits.memory', 'lots', /"lots" is not valid, wanted a number with a unit/],
    ['limits.memory', '0', /not valid/],
    ['limits.memory', '101%', /"101%" is not valid, .*a share of the host from 1% to 100%$/],
    ['limits.cpu.allowance', '0%', /"0%" is not valid, wanted a share from 1% to 100%/],
    ['limits.cpu', '3-1', /not valid/],
    ['limits.cpu.priority', '11', /11 is out of range, wanted at least 0 and at most 10/],
    ['limits.kernel.nofle', '1', /"nofle" is not valid, wanted one of as, core/],
    ['limits.kernel.nofile', '2:1', /SOFT not above HARD/],
    ['limits.kernel.nofile', 'unlimited:5', /SOFT not above HARD/],
    ['environment.A-B', 'x', /wanted a variable name/],
    ['environment.A', 'x\nB=y', /control character/],
    ['environment.A', 'x\u0085', /control character/],
    ['user.x', 'a\u0000', /control character/],
    ['user.a\nb', 'x', /cannot hold control characters/],
    ['raw.idmap', 'both 1000 1000\rroot', /control character/],
    ['raw.idmap', 'both 10-20 10-21', /not valid/],
    ['linux.sysctl.vm.swappiness', '1', /that a machine has for itself/],
    ['linux.sysctl.kernel.core_pattern', '|/x', /that a machine has for itself/],
    ['linux.sysctl.kernel.domainname', 'lab', /that a machine has for itself/],
    ['security.privileged', 'true', /"true" is not supported by warren: every machine/],
    ['raw.lxc', 'x', /"raw.lxc" is not supported by warren: machines do not run under liblxc/],
    ['cloud-init.user-data', 'x', /is not supported by warren: its images carry no cloud-init/],
    ['security.syscalls.intercept.mknod', 'true', /not supported by warren: it needs a daemon/],
    ['snapshots.schedule', '61 * * * *', /not valid/],
    ['snapshots.pattern', 'a/b', /"a\/b" is not valid, wanted letters, digits/],
    ['snapshots.pattern', '.%d', /not valid/],
    ['snapshots.pattern', '%d%d', /not valid/],
    ['snapshots.pattern', '{{ name }}', /not valid/],
    ['snapshots.pattern', 'x'.repeat(63), /not valid/],
    ['security.syscalls.deny', 'keyctl errno 38', /not valid/],
    ['__proto__x', 'x', /unknown key/],
    ['user.', 'x', /unknown key/],
  ])('refuses %s=%s', (key, value, message) => {
    expect(problem(key, value)).toMatch(message);
  });

  it('reports everything at once', () => {
    const config = { 'raw.lxc': 'x', 'limits.cpu': 'x', 'boot.autostrat': 'true' };
    expect(validateConfig(config, 'instance')).toHaveLength(3);
  });

  it('refuses keys of one machine in a profile', () => {
    expect(problem('volatile.uuid', 'x', 'profile')).toMatch(/cannot stand in a profile/);
  });

  it('refuses a key beside its old name', () => {
    const config = { 'security.syscalls.deny': 'bpf', 'security.syscalls.blacklist': 'bpf' };
    expect(validateConfig(config, 'instance')).toHaveLength(1);
  });

  it.each([
    ['ipv4.address', '10.0.0.0/24'],
    ['ipv4.address', '10.0.0.1/31'],
    ['ipv4.address', '10.0.0.1'],
    ['dns.domain', 'a b'],
    ['dns.domain', 'a\nserver=1.2.3.4'],
    ['ipv6.address', 'auto'],
    ['raw.dnsmasq', 'x'],
    ['ipv4.dhcp.expiry', '1h\nx'],
  ])('refuses the network key %s=%s', (key, value) => {
    expect(problem(key, value, 'network')).not.toBe('');
  });

  it('accepts what a bridge can be', () => {
    const config = {
      'ipv4.address': 'auto',
      'ipv4.dhcp.ranges': '10.0.0.5-10.0.0.9',
      'dns.domain': 'lab',
    };
    expect(validateConfig(config, 'network')).toEqual([]);
  });

  it('lets no control character through, in any key and context', () => {
    const contexts = ['instance', 'profile', 'network', 'server'] as const;
    const control = fc.constantFrom('\u0000', '\r', '\u001b', '\u007f', '\u009b', '\t');
    const keys = contexts.flatMap((context) =>
      configTables[context].rows.map((row) => [context, row.key.replace('*', 'x')] as const),
    );
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.string(), control, fc.string(), (at, a, c, b) => {
        expect(problem(at[1], `${a}${c}${b}`, at[0])).not.toBe('');
      }),
    );
  });

  it('knows what is live', () => {
    expect(isLive('limits.memory')).toBe(true);
    expect(isLive('security.nesting')).toBe(false);
    expect(isLive('environment.X')).toBe(true);
    expect(isLive('no.such.key')).toBe(false);
  });
});

describe('validateDevices', () => {
  const good = {
    root: { type: 'disk', path: '/', pool: 'default' },
    src: { type: 'disk', path: '/src', source: '/home/anna/src', readonly: 'true' },
    eth0: { type: 'nic', nictype: 'bridged', parent: 'warrenbr0', 'ipv4.address': '10.77.0.9' },
    web: { type: 'proxy', listen: 'tcp::8080-8081', connect: 'tcp:127.0.0.1:80' },
    sock: {
      type: 'proxy',
      listen: 'unix:/run/x.sock',
      connect: 'tcp:127.0.0.1:80',
      bind: 'instance',
    },
    fuse: { type: 'unix-char', source: '/dev/fuse' },
    gone: { type: 'none' },
  };

  it('accepts a device of each type', () => {
    expect(validateDevices(good)).toEqual([]);
  });

  it.each([
    ['a type that is missing', {}, /wanted one of disk, nic/],
    ['a type that is misspelt', { type: 'dsik' }, /the nearest name is "disk"/],
    ['a type that cannot be had', { type: 'gpu' }, /not supported by warren: use unix-char/],
    ['an unknown key', { type: 'none', path: '/x' }, /unknown key/],
    ['a disk without path', { type: 'disk', source: '/x' }, /a disk device needs it/],
    ['a disk without source', { type: 'disk', path: '/x' }, /needs it/],
    ['a relative source', { type: 'disk', path: '/x', source: 'x' }, /absolute path/],
    ['a target with ..', { type: 'disk', path: '/x/../y', source: '/x' }, /without \.\./],
    [
      'a size of what is not the root',
      { type: 'disk', path: '/a', source: '/b', size: '1GiB' },
      /only the root disk/,
    ],
    ['a nic without network', { type: 'nic' }, /needs it/],
    ['macvlan', { type: 'nic', nictype: 'macvlan', parent: 'eth0' }, /not supported by warren/],
    ['an interface name with a slash', { type: 'nic', network: 'a', name: '../x' }, /at most 15/],
    [
      'a group hardware address',
      { type: 'nic', network: 'a', hwaddr: '01:00:00:00:00:01' },
      /hardware/,
    ],
    [
      'filtering without address',
      { type: 'nic', network: 'a', 'security.ipv4_filtering': 'yes' },
      /needs ipv4/,
    ],
    ['udp to tcp', { type: 'proxy', listen: 'udp::53', connect: 'tcp::53' }, /udp can only/],
    ['port counts', { type: 'proxy', listen: 'tcp::1-3', connect: 'tcp::1-2' }, /2 ports for 3/],
    ['port 0', { type: 'proxy', listen: 'tcp::0', connect: 'tcp::1' }, /not valid/],
    ['too many ports', { type: 'proxy', listen: 'tcp::1-65535', connect: 'tcp::1' }, /not valid/],
    ['a host name', { type: 'proxy', listen: 'tcp:example.org:1', connect: 'tcp::1' }, /not valid/],
    ['a newline', { type: 'disk', path: '/x\ny', source: '/x' }, /control character/],
  ])('refuses %s', (_, device, message) => {
    const issues = validateDevices({ it: device });
    expect(issues.map(({ problem }) => problem).join('; ')).toMatch(message);
  });

  it.each(['0.0.0.0', '[::]', '[::1]', '[0:0::1]', '[::ffff:127.0.0.1]'])(
    'refuses the loopback of a machine as %s',
    (host) => {
      const proxy = { type: 'proxy', listen: 'tcp::80', connect: `tcp:${host}:80` };
      expect(validateDevices({ it: proxy })[0]?.problem).toMatch(/wanted 127\.0\.0\.1/);
      expect(validateDevices({ it: { ...proxy, bind: 'instance' } })).toEqual([]);
    },
  );

  it('refuses two devices at one place', () => {
    const again = { type: 'nic', network: 'warrenbr0', name: 'eth0' };
    expect(validateDevices({ ...good, again })).toHaveLength(1);
    expect(validateDevices({ ...good, slash: { ...good.src, path: '/src/' } })).toHaveLength(1);
  });

  it('refuses device names that could be paths or keys of something else', () => {
    for (const name of ['../x', 'a b', '', 'a\n', 'x'.repeat(64)]) {
      expect(validateDevices({ [name]: { type: 'none' } })).toHaveLength(1);
    }
  });
});
