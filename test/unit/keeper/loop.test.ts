import { expect, it } from 'vitest';

import { Loop } from '../../../src/keeper/loop.ts';

it('what a signal tells is seen, also when Node has taken the signal up before the wait', async () => {
  const problems: string[] = [];
  const loop = new Loop((problem) => problems.push(problem));
  const nothing = (): void => undefined;
  process.on('SIGUSR2', nothing);
  try {
    const seen = await new Promise<string>((resolve) => {
      let hasHappened = false;
      const end = (what: string): void => {
        loop.stop();
        resolve(what);
      };
      loop.eachTurn(() => {
        if (hasHappened) end('what happened');
      });
      // Between the look of this turn and its wait, as a child's end can be.
      loop.eachTurn(() => {
        if (hasHappened) return;
        hasHappened = true;
        process.kill(process.pid, 'SIGUSR2');
      });
      loop.after(5000, () => {
        end('nothing in time');
      });
      loop.start();
    });
    expect(seen).toBe('what happened');
    expect(problems).toEqual([]);
  } finally {
    process.off('SIGUSR2', nothing);
  }
});
