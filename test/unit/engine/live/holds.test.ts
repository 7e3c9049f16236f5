import { expect, it } from 'vitest';

import { Holds } from '../../../../src/engine/live/holds.ts';

it('a name is held until the last who holds it lets go', () => {
  const holds = new Holds();
  const first = holds.hold('a', 'b');
  {
    using second = holds.hold('a');
    second.add(['c', 'a']);
    expect(['a', 'b', 'c', 'd'].filter((name) => holds.has(name))).toEqual(['a', 'b', 'c']);
  }
  expect(['a', 'b', 'c'].filter((name) => holds.has(name))).toEqual(['a', 'b']);
  first[Symbol.dispose]();
  expect(holds.has('a')).toBe(false);
});
