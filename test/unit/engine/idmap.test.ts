import { describe, expect, it } from 'vitest';

import { planIdmap } from '../../../src/engine/idmap.ts';

/** What a user with id 1000 and the usual grant has. */
const side = [
  { inside: 0, outside: 1000, count: 1 },
  { inside: 1, outside: 100_000, count: 65_536 },
];
const u0 = { uid: side, gid: side };
const slice = { start: 1, size: 65_536 };
const entry = (host: number, guest: number, count = 1) =>
  ({ kind: 'both', host, guest, count }) as const;

describe('raw.idmap', () => {
  it('puts the user’s own id where it is asked to', () => {
    const { map, issues } = planIdmap(slice, [entry(1000, 1000)], u0);
    expect(issues).toEqual([]);
    expect(map.uid).toEqual([
      { inside: 0, outside: 1, count: 1000 },
      { inside: 1000, outside: 0, count: 1 },
      { inside: 1001, outside: 1002, count: 64_535 },
    ]);
  });

  it('leaves the machine’s root alone, alone or in a range', () => {
    for (const wanted of [entry(1000, 0), entry(100_000, 0, 5)]) {
      const { issues } = planIdmap(slice, [wanted], u0);
      expect(issues.map(({ problem }) => problem)).toEqual([
        expect.stringContaining('uid 0 of the machine owns its whole system'),
        expect.stringContaining('gid 0 of the machine owns its whole system'),
      ]);
    }
  });

  it('takes no id of the host that is not the user’s', () => {
    const { issues } = planIdmap(slice, [entry(0, 1000)], u0);
    expect(issues[0]?.problem).toContain('is not yours');
  });
});
