import { expect, test } from 'vitest';

import { inWordsOf } from '../../../src/daemon/http/own-words.ts';

test('machines are named as their project names them, and nothing else is touched', () => {
  const error = {
    message: 'Cannot stop lab_web: lab_web is busy',
    list: ['lab_a', 'my-lab_b', 'lab_'],
  };
  expect(inWordsOf('lab', error)).toEqual({
    message: 'Cannot stop web: web is busy',
    list: ['a', 'my-lab_b', 'lab_'],
  });
  expect(inWordsOf('default', error)).toBe(error);
  expect(inWordsOf('other', error)).toEqual(error);
});
