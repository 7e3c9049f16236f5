import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';

import { SharedWork } from '../../../../src/engine/live/shared-work.ts';
import type { WorkContext } from '../../../../src/image/types.ts';

function asker(): { readonly context: WorkContext; readonly stop: () => void; seen: string[] } {
  const controller = new AbortController();
  const seen: string[] = [];
  return {
    context: { signal: controller.signal, progress: ({ stage }) => seen.push(stage) },
    stop: () => {
      controller.abort();
    },
    seen,
  };
}

describe('shared work', () => {
  test('is done once and shown to everybody, also to who comes late', async () => {
    const shared = new SharedWork<string>();
    const [first, second] = [asker(), asker()];
    let finish = (_: string): void => undefined;
    let times = 0;
    const work = async ({ progress }: WorkContext): Promise<string> => {
      times += 1;
      progress({ stage: 'half' });
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const early = shared.run('x', first.context, work);
    await turn();
    const late = shared.run('x', second.context, work);
    finish('done');
    expect(await Promise.all([early, late])).toEqual(['done', 'done']);
    expect([times, first.seen, second.seen]).toEqual([1, ['half'], ['half']]);
  });

  test('goes on while one of two still waits', async () => {
    const shared = new SharedWork<string>();
    const [first, second] = [asker(), asker()];
    let finish = (_: string): void => undefined;
    let aborted = false;
    const work = ({ signal }: WorkContext): Promise<string> => {
      signal.addEventListener('abort', () => (aborted = true));
      return new Promise((resolve) => {
        finish = resolve;
      });
    };
    const gone = shared.run('x', first.context, work);
    const stays = shared.run('x', second.context, work);
    first.stop();
    await expect(gone).rejects.toMatchObject({ code: 'cancelled' });
    expect(aborted).toBe(false);
    finish('done');
    expect(await stays).toBe('done');
  });

  test('has cleaned up when the last one who gave up is told so', async () => {
    const shared = new SharedWork<string>();
    const { context, stop } = asker();
    let left = 'a directory';
    const work = async ({ signal }: WorkContext): Promise<string> => {
      try {
        return await new Promise((_, reject) => {
          signal.addEventListener('abort', () => {
            reject(new Error('aborted'));
          });
        });
      } finally {
        await turn();
        await turn();
        left = '';
      }
    };
    const run = shared.run('x', context, work);
    await turn();
    stop();
    await expect(run).rejects.toMatchObject({ code: 'cancelled' });
    expect(left).toBe('');
  });

  test('begins anew for who asks while the abandoned one cleans up', async () => {
    const shared = new SharedWork<string>();
    const [first, second] = [asker(), asker()];
    let cleanedUp = (): void => undefined;
    const abandoned = shared.run('x', first.context, async () => {
      await new Promise<void>((resolve) => {
        cleanedUp = resolve;
      });
      throw new Error('aborted');
    });
    await turn();
    first.stop();
    await turn();
    expect(await shared.run('x', second.context, () => Promise.resolve('anew'))).toBe('anew');
    cleanedUp();
    await expect(abandoned).rejects.toMatchObject({ code: 'cancelled' });
  });
});
