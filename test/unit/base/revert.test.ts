import { expect, test } from 'vitest';

import { Revert } from '../../../src/base/revert.ts';

async function unwind(steps: (undo: Revert) => void, keep: boolean): Promise<string[]> {
  const failures: string[] = [];
  {
    await using undo = new Revert((what) => failures.push(what));
    steps(undo);
    if (keep) undo.keep();
  }
  return failures;
}

test('Revert runs its steps last first', async () => {
  const order: string[] = [];
  await unwind((undo) => {
    undo.push('first', () => void order.push('first'));
    undo.push('second', () => void order.push('second'));
  }, false);
  expect(order).toEqual(['second', 'first']);
});

test('Revert runs nothing after keep()', async () => {
  const order: string[] = [];
  await unwind((undo) => {
    undo.push('step', () => void order.push('step'));
  }, true);
  expect(order).toEqual([]);
});

test('Revert goes on after a failing step and reports it', async () => {
  const order: string[] = [];
  const failures = await unwind((undo) => {
    undo.push('first', () => void order.push('first'));
    undo.push('broken', () => Promise.reject(new Error('cannot undo')));
  }, false);
  expect(order).toEqual(['first']);
  expect(failures).toEqual(['broken']);
});
