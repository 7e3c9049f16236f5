import { expect, it } from 'vitest';

import { quotePath } from '../../../src/base/quote-path.ts';

it.each([
  ['/etc/hosts', '/etc/hosts'],
  ['/srv/naïve ☃', '/srv/naïve ☃'],
  [Buffer.from([0x2f, 0xff, 0x41]), '"/\\377A"'],
  ['/a\nb\t"c"\\', '"/a\\nb\\t\\"c\\"\\\\"'],
  ['/\u001b[31m', '"/\\033[31m"'],
  ['/\u202egnp', '"/\\342\\200\\256gnp"'],
])('%j is shown so that nothing can pass for another name', (path, shown) => {
  expect(quotePath(Buffer.from(path as string))).toBe(shown);
});
