import fc from 'fast-check';
import { expect, test } from 'vitest';

import { detachFilter, parseDetachKeys } from '../../../src/cli/detach-keys.ts';

/** Feeds chunks to a filter; what went through, and whether it detached. */
function feed(keys: string, chunks: readonly string[]): { sent: string; detached: boolean } {
  const filter = detachFilter(parseDetachKeys(keys));
  let detached = false;
  const sent = chunks.map((chunk) =>
    filter(Buffer.from(chunk, 'latin1'), () => {
      detached = true;
    }).toString('latin1'),
  );
  return { sent: sent.join(''), detached };
}

test('keys are control characters or themselves', () => {
  expect([...parseDetachKeys('ctrl-a,q')]).toEqual([1, 113]);
  expect([...parseDetachKeys('ctrl-p,ctrl-q')]).toEqual([16, 17]);
  expect([...parseDetachKeys('^]')]).toEqual([29]);
  for (const text of ['', 'ctrl-', 'ctrl-a q', 'é', 'ab']) {
    expect(() => parseDetachKeys(text)).toThrow('wanted keys such as');
  }
});

test('the sequence detaches, in one piece or two, and is not sent', () => {
  expect(feed('ctrl-a,q', ['ls\u0001q'])).toEqual({ sent: 'ls', detached: true });
  expect(feed('ctrl-a,q', ['ls\u0001', 'q'])).toEqual({ sent: 'ls', detached: true });
  expect(feed('ctrl-a,q', ['\u0001\u0001q'])).toEqual({ sent: '\u0001', detached: true });
});

test('a begun sequence that turns out to be something else is sent as typed', () => {
  expect(feed('ctrl-a,q', ['\u0001x'])).toEqual({ sent: '\u0001x', detached: false });
});

test('text without the first key goes through unchanged', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: fc.constantFrom('a', 'q', '\r', '\u0002') })),
      (chunks) => {
        expect(feed('ctrl-a,q', chunks)).toEqual({ sent: chunks.join(''), detached: false });
      },
    ),
  );
});
