import { expect, test } from 'vitest';

import { formatRunning } from '../../../src/cli/boot.ts';
import { formatLogLine } from '../../../src/cli/render/log-line.ts';
import { show as showTemplate } from '../../../src/cli/commands/config-template.ts';
import { info as networkInfo } from '../../../src/cli/commands/network.ts';
import { formatEvent } from '../../../src/cli/commands/monitor.ts';
import { formatReport } from '../../../src/cli/render/doctor-report.ts';
import { formatStorageReport } from '../../../src/cli/render/storage-report.ts';
import { plainConsole } from '../../../src/cli/render/look.ts';
import { formatInstance } from '../../../src/cli/render/instance-info.ts';
import { machine } from './machine.ts';

const look = { color: false, width: 80, now: Date.parse('2026-06-15T12:00:00Z') };

test('info is one screen that says whether the machine is well', () => {
  expect(formatInstance(machine(), look).split('\n')).toEqual([
    'web  ● running since 3 minutes ago, booted in 0.3s',
    '  image      debian/12 (3f9c1a2b4d5e)            created yesterday',
    '  ids        65,536 from 100000, isolated        profiles  default, strict',
    '  address    10.77.0.12                          ports     127.0.0.1:8080 → 80',
    '  limits     memory 34 MiB of 512 MiB   processes 12 of 500',
    '  storage    18 MiB of its own in pool default',
    '  snapshots  before-upgrade (2 days ago)',
    '',
  ]);
});

test('info keeps its columns apart, and names the newest of many snapshots', () => {
  const { snapshots, expanded_config: config, ...rest } = machine();
  const [one] = snapshots;
  if (one === undefined) throw new Error('no snapshot');
  const many = Array.from({ length: 30 }, (_, index) => ({ ...one, name: `s${index}` }));
  const mapped = { ...config, 'raw.idmap': 'both 1000 1000' };
  const text = formatInstance({ ...rest, snapshots: many, expanded_config: mapped }, look);
  expect(text).toContain('isolated, raw.idmap  profiles  default');
  const named = ['s26', 's27', 's28', 's29'].map((name) => `${name} (2 days ago)`);
  expect(text).toContain(`  snapshots  26 older, ${named.join(', ')}\n`);
});

test('info says which limits the kernel does not hold', () => {
  const { state, ...rest } = machine();
  if (state.warren === undefined) throw new Error('no state of warren');
  const unlimited = {
    ...rest,
    state: {
      ...state,
      memory: { ...state.memory, total: 0 },
      warren: { ...state.warren, processes_max: null },
    },
  };
  expect(formatInstance(unlimited, look)).toContain(
    'limits     memory 34 MiB (512MiB not enforced)   processes 12 (500 not enforced)\n',
  );
});

test('info shows what the kernel holds, line by line', () => {
  const { expanded_config: config, ...rest } = machine({
    limits: {
      'cpu.max': '20000 100000',
      'memory.max': '536870912',
      'memory.swap.max': '0',
      'io.max': '8:0 rbps=10485760 wbps=max riops=max wiops=200',
      'limits.kernel.nofile': '10:20',
    },
  });
  const wanted = {
    'limits.cpu.allowance': '20ms/100ms',
    'limits.memory.swap': 'false',
    'limits.disk.priority': '7',
    'limits.kernel.nofile': '10:20',
  };
  const text = formatInstance({ ...rest, expanded_config: { ...config, ...wanted } }, look);
  expect(text.split('\n').slice(4, 7)).toEqual([
    '  limits     memory 34 MiB of 512 MiB   cpu time 20ms/100ms   processes 12 of 500',
    '             swap none   disk weight (7 not enforced)   nofile 10:20',
    '             disk 8:0 read 10 MiB/s, write 200 a second',
  ]);
});

test('info calls a sysctl that can only be written neither held nor not', () => {
  const [flush, other] = ['net.ipv4.route.flush', 'net.core.somaxconn'];
  const { expanded_config: config, ...rest } = machine({
    limits: { [`linux.sysctl.${flush}`]: null },
  });
  const wanted = { [`linux.sysctl.${flush}`]: '1', [`linux.sysctl.${other}`]: '2' };
  const text = formatInstance({ ...rest, expanded_config: { ...config, ...wanted } }, look);
  expect(text).toContain(` ${flush} 1 (cannot be read back)\n`);
  expect(text).toContain(` ${other} (2 not enforced)\n`);
});

test('info of a stopped machine says how it ended', () => {
  const text = formatInstance(machine({ status: 'Stopped', lastExit: 'crashed (signal 9)' }), look);
  expect(text.split('\n')[0]).toBe('web  ○ stopped, crashed (signal 9)');
  const unknown = machine({ status: 'Stopped', lastExit: 'stopped, reason unknown' });
  expect(formatInstance(unknown, look).split('\n')[0]).toBe('web  ○ stopped, reason unknown');
  expect(text).toContain('limits     memory 512 MiB   processes 500\n');
  expect(text).not.toContain('address');
});

test('launch leaves one line, and the command that comes next', () => {
  expect(formatRunning('web', machine().state, look)).toBe(
    'web is running at 10.77.0.12 (booted in 0.3s)           next: warren shell web',
  );
});

test('doctor shows short findings together, and below each problem what mends it', () => {
  const well = (name: 'crun' | 'tun' | 'fuse' | 'overlay', summary: string) =>
    ({ name, level: 'ok', vital: true, summary }) as const;
  const text = formatReport(
    {
      canRun: true,
      checks: [
        well('crun', 'crun 1.8.1'),
        well('tun', '/dev/net/tun'),
        well('fuse', '/dev/fuse'),
        well('overlay', 'overlay: redirect'),
        {
          name: 'lxcfs',
          level: 'missing',
          vital: false,
          summary: "lxcfs is not installed: machines see the host's memory",
          remedy: 'sudo apt install lxcfs',
        },
        { name: 'limits', level: 'warning', vital: false, summary: 'inotify is 128' },
      ],
    },
    look,
  );
  expect(text.split('\n')).toEqual([
    '✔ crun 1.8.1              ✔ /dev/net/tun            ✔ /dev/fuse',
    '✔ overlay: redirect',
    "✘ lxcfs is not installed: machines see the host's memory",
    '    sudo apt install lxcfs',
    '! inotify is 128',
    'warren can run machines. 1 warning, 1 missing.',
    '',
  ]);
});

test('doctor says when machines cannot run', () => {
  const text = formatReport(
    {
      canRun: false,
      checks: [
        { name: 'subids', level: 'missing', vital: true, summary: 'no subordinate ids for anna' },
      ],
    },
    look,
  );
  expect(text).toBe('✘ no subordinate ids for anna\nwarren cannot run machines here. 1 missing.\n');
});

test('monitor has a line per event, harmless for the terminal', () => {
  const line = formatEvent({
    type: 'lifecycle',
    timestamp: '2026-06-15T12:00:00Z',
    location: 'none',
    project: 'default',
    metadata: { action: 'instance-started', source: '/1.0/instances/web\u001b[2J', context: {} },
  });
  expect(line).toMatch(
    /^\d\d:\d\d:\d\d {2}lifecycle {2}instance-started {2}\/1\.0\/instances\/web\?\[2J$/,
  );
});

test('a line of the log is told, not dumped', () => {
  expect(
    formatLogLine(
      '{"level":40,"time":1781524800000,"pid":1,"hostname":"h","name":"web","msg":"slow"}',
    ),
  ).toBe('2026-06-15T12:00:00.000Z warn  slow name=web');
  const err = { type: 'Error', message: 'no', stack: 'Error: no\n    at f (a.js:1:2)' };
  expect(formatLogLine(JSON.stringify({ level: 50, msg: 'failed', what: 'a b', err }))).toBe(
    'error failed what="a b"\n    Error: no\n    at f (a.js:1:2)',
  );
  expect(formatLogLine('plain words')).toBe('plain words');
  const nasty = { level: 30, msg: 'm\u001b[2J', key: 'k\u009bx', err: { message: 'e\u0007' } };
  expect(formatLogLine(JSON.stringify(nasty))).toBe('info  m?[2J key=k?x\n    e?');
});

test('the log of a console keeps its colours and lines, and nothing a terminal would do or answer', () => {
  const said =
    'a\u001b[31mred\u001b[0m\r\n\u001b[6n\u001b[2J\u001b]0;title\u0007\u001bP$q"p\u001b\\b\u001bc\u009b6n\u001b';
  expect(plainConsole(said)).toBe('a\u001b[31mred\u001b[0m\r\nb?c?6n?\u001b[0m');
});

test('a storage report says what is wrong, what was removed and what to type', () => {
  const counts = { instances: 1, snapshots: 2, images: 1, volumes: 0, layers: 3, references: 7 };
  const summary = '1 machine, 2 snapshots, 1 image, 0 volumes; 3 layers with 7 references to them';
  expect(formatStorageReport({ counts, problems: [] }, look).split('\n')).toEqual([
    summary,
    'The storage is in order.',
    '',
  ]);
  const stray = { kind: 'layer-stray', subject: 'abc', problem: 'layer abc is in no row' } as const;
  const missing = {
    kind: 'layer-missing',
    subject: 'x',
    problem: 'layer x is missing',
    remedy: 'delete what stands on it',
    repaired: false,
  } as const;
  const problems = [{ ...stray, repaired: false }, missing];
  expect(formatStorageReport({ counts, problems }, look).split('\n')).toEqual([
    summary,
    '✘ layer abc is in no row',
    '✘ layer x is missing',
    '    delete what stands on it',
    '2 problems.    warren doctor --storage --repair',
    '',
  ]);
  const mended = [{ ...stray, repaired: true }];
  expect(formatStorageReport({ counts, problems: mended }, look)).toContain(
    '✔ layer abc is in no row: removed\nThe storage is in order.\n',
  );
});

test('a template moves no cursor of a terminal, and elsewhere it is as it is written down', () => {
  const args = { instance: 'web', template: 'a.tpl' };
  const content = 'a\tb\n\u001b]0;title\u0007c\u009b2J\n';
  expect(showTemplate.render?.(content, look, args)).toEqual({ text: 'a\tb\n?]0;title?c?2J\n' });
  const file = { ...look, width: undefined };
  expect(showTemplate.render?.(content, file, args)).toEqual({ text: content });
});

test('a network names its machines, those without an address too', () => {
  const lease = {
    hostname: 'web',
    address: '10.9.0.2',
    hwaddr: '',
    type: 'dynamic',
    location: 'none',
  } as const;
  const network = {
    name: 'lab',
    description: '',
    config: {},
    type: 'bridge',
    managed: true,
    status: 'Created',
    locations: [],
    used_by: ['/1.0/instances/web', '/1.0/instances/s2?project=lab', '/1.0/profiles/extra'],
    leases: [lease],
  } as const;
  expect(networkInfo.render?.(network, look, { network: 'lab' })).toMatchObject({
    text: expect.stringMatching(/^ {2}machines +web 10\.9\.0\.2, s2 \(no address\)$/m) as string,
  });
});
