import { describe, expect, it } from 'vitest';

import { WarrenError } from '../../../../src/contract/errors.ts';
import { parseBackupIndex } from '../../../../src/engine/backups/parse-index.ts';

/** As LXD 5.0 writes it, cut to what is looked at, with some lines replaced. */
function index(changes: Readonly<Record<string, string>> = {}): Buffer {
  const lines = {
    name: 'name: c1',
    optimized: 'optimized: false',
    snapshots: 'snapshots: [snap0]',
    type: 'type: container',
    config: `config:
  container:
    architecture: x86_64
    config: {limits.memory: 512MiB, user.number: 7, volatile.last_state.idmap: "[]"}
    devices: {root: {path: /, pool: fast, type: disk}}
    ephemeral: false
    profiles: [default]
    description: a machine
    created_at: 2024-01-31T12:00:00.5Z
  snapshots:
  - name: c1/snap0
    config: {}
    devices: {}
    ephemeral: true
    profiles: []
    created_at: 2024-02-01T00:00:00Z
    expires_at: 0001-01-01T00:00:00Z`,
    ...changes,
  };
  return Buffer.from(`${Object.values(lines).join('\n')}\n`);
}

/** Where it says that something is wrong. */
function issuesOf(content: Buffer): string[] {
  try {
    parseBackupIndex(content);
  } catch (error) {
    if (!(error instanceof WarrenError)) throw error;
    return (error.details as { issues: { path: string }[] }).issues.map(({ path }) => path);
  }
  return [];
}

const machine = '  container: {config: {}, devices: {}, profiles: []}';

describe('the index of a backup', () => {
  it('is read as LXD writes it', () => {
    expect(parseBackupIndex(index())).toMatchObject({
      name: 'c1',
      description: 'a machine',
      architecture: 'x86_64',
      config: { 'limits.memory': '512MiB', 'user.number': '7' },
      devices: { root: { path: '/', pool: 'default', type: 'disk' } },
      profiles: ['default'],
      createdAtMs: Date.parse('2024-01-31T12:00:00.500Z'),
      snapshots: [{ name: 'snap0', ephemeral: true, expiresAtMs: undefined }],
    });
  });

  it('may call the machine an instance, as Incus does', () => {
    const content = index({
      snapshots: '',
      config: 'config: {instance: {config: {user.a: b}, devices: {}, profiles: []}}',
    });
    expect(parseBackupIndex(content).config).toEqual({ 'user.a': 'b' });
  });

  it.each([
    ['no machine', index({ config: 'config: {snapshots: []}', snapshots: '' }), '.config.instance'],
    ['nothing for a machine', index({ config: 'config: {container: null}' }), '.config.container'],
    [
      'nothing among its snapshots',
      index({ config: `config:\n${machine}\n  snapshots: [null]` }),
      '.config.snapshots[0]',
    ],
    ['more names than snapshots', index({ snapshots: 'snapshots: [snap0, snap1]' }), '.snapshots'],
    ['other names', index({ snapshots: 'snapshots: [other]' }), '.snapshots'],
    [
      'a name that leads out',
      index({
        snapshots: 'snapshots: [../x]',
        config: `config:\n${machine}\n  snapshots: [{name: "c1/../x"}]`,
      }),
      '.config.snapshots[0].name',
    ],
    [
      'a name twice',
      index({
        snapshots: 'snapshots: [a, a]',
        config: `config:\n${machine}\n  snapshots: [{name: a}, {name: a}]`,
      }),
      '.config.snapshots',
    ],
    ['a virtual machine', index({ type: 'type: virtual-machine' }), '.type'],
    ['an optimised archive', index({ optimized: 'optimized: true' }), '.optimized'],
    ['a list for config', index({ config: 'config: []' }), '.config'],
    [
      'a mapping for a value',
      index({
        snapshots: '',
        config: 'config: {container: {config: {a: {b: c}}, devices: {}, profiles: []}}',
      }),
      '.config.container.config.a',
    ],
    ['no YAML', Buffer.from('{'), ' line'],
    ['aliases that multiply', Buffer.from(bomb()), ''],
    ['more than 1 MiB', Buffer.alloc(1024 * 1024 + 1, 'a'), ''],
  ])('is refused with %s', (_what, content, path) => {
    expect(issuesOf(content).join('\n')).toContain(`index.yaml${path}`);
  });

  it('of nothing but brackets is refused before it holds the daemon up', () => {
    expect(issuesOf(Buffer.alloc(1024 * 1024, '['))).toEqual(['index.yaml']);
    expect(issuesOf(Buffer.alloc(60_000, '[')).length).toBeGreaterThan(0);
  });
});

function bomb(): string {
  const rows = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (let at = 1; at < 9; at++) {
    const letters = 'abcdefghij';
    const before = `*${letters.charAt(at - 1)}`;
    rows.push(`${letters.charAt(at)}: &${letters.charAt(at)} [${Array(9).fill(before).join(',')}]`);
  }
  return `${rows.join('\n')}\n`;
}
