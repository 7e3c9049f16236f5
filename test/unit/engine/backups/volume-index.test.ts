import { describe, expect, it } from 'vitest';

import { WarrenError } from '../../../../src/contract/errors.ts';
import { parseVolumeIndex } from '../../../../src/engine/backups/parse-index.ts';

/** As LXD 5.0 writes it for a custom volume, cut to what is looked at. */
function index(changes: Readonly<Record<string, string>> = {}): Buffer {
  const lines = {
    name: 'name: data',
    optimized: 'optimized: false',
    snapshots: 'snapshots: [snap0]',
    type: 'type: custom',
    config: 'config:',
    volume:
      '  volume: {content_type: filesystem, description: notes, config: {size: 1GiB, volatile.idmap.last: "[]"}}',
    volume_snapshots:
      '  volume_snapshots: [{name: snap0, description: "", config: {}, created_at: 2024-02-01T00:00:00Z, expires_at: 0001-01-01T00:00:00Z}]',
    ...changes,
  };
  return Buffer.from(`${Object.values(lines).join('\n')}\n`);
}

describe('the index of a volume’s backup', () => {
  it('is read as LXD writes it', () => {
    expect(parseVolumeIndex(index())).toEqual({
      name: 'data',
      description: 'notes',
      config: { size: '1GiB' },
      snapshots: [
        {
          name: 'snap0',
          description: '',
          config: {},
          createdAtMs: Date.parse('2024-02-01T00:00:00Z'),
          expiresAtMs: undefined,
        },
      ],
    });
  });

  it.each([
    ['a machine', { type: 'type: container' }, /no storage volume/],
    ['no type', { type: '' }, /no storage volume/],
    ['a driver’s own format', { optimized: 'optimized: true' }, /format of one storage driver/],
    ['a disk', { volume: '  volume: {content_type: block}' }, /virtual machines/],
    ['no volume', { volume: '' }, /no mapping/],
    ['snapshots that it does not list', { snapshots: 'snapshots: []' }, /not those/],
    [
      'a snapshot whose name leads elsewhere',
      { volume_snapshots: '  volume_snapshots: [{name: a/../b, config: {}}]' },
      /no name of a snapshot/,
    ],
    ['a list for a config', { volume: '  volume: {config: [1]}' }, /no mapping/],
  ])('is refused with %s', (_, changes: Record<string, string>, problem) => {
    let error: unknown;
    try {
      parseVolumeIndex(index(changes));
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(WarrenError);
    expect((error as WarrenError).message).toMatch(problem);
  });
});
