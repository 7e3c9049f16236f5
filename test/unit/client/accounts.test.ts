import { describe, expect, it } from 'vitest';

import { idIn } from '../../../src/client/accounts.ts';

describe('the id of an account', () => {
  const passwd =
    'root:x:0:0:root:/root:/bin/sh\nbad:x:-1:\nanna:x:1000:100::/home/anna:/bin/sh\nanna:x:5:5::/:\n';

  it.each([
    ['root', 0],
    ['anna', 1000],
    ['bad', undefined],
    ['nobody', undefined],
    ['', undefined],
  ])('%s is %s', (name, id) => {
    expect(idIn(passwd, name)).toBe(id);
  });
});
