import { expect, test } from 'vitest';

import { isExpired } from '../../../../src/engine/images/expire.ts';

const dayMs = 86_400_000;
const fetched = {
  cached: true,
  source: { server: 'https://images', protocol: 'simplestreams', alias: 'a' },
  aliases: [],
  uploadedAtMs: 0,
  lastUsedAtMs: undefined,
};
const alias = { name: 'mine', description: '', project: 'default', fingerprint: 'f' };

test.each([
  ['fetched and never used', fetched, 10, true],
  ['a day before', { ...fetched, uploadedAtMs: dayMs }, 10, false],
  ['used since', { ...fetched, lastUsedAtMs: dayMs }, 10, false],
  ['built here', { ...fetched, source: undefined }, 10, false],
  ['asked for by itself', { ...fetched, cached: false }, 10, false],
  ['named', { ...fetched, aliases: [alias] }, 10, false],
  ['kept for ever', fetched, 0, false],
])('an image that is %s', (_what, image, days, expired) => {
  expect(isExpired(image, days, 10 * dayMs)).toBe(expired);
});
