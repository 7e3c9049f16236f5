import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import { type OpenedRoot, SharedRoots } from '../../../../src/engine/live/shared-roots.ts';

describe('the root of a stopped machine, shared', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  let opened = 0;
  let closed = 0;
  let loan = new AbortController();

  function openRoot(): Promise<OpenedRoot> {
    opened += 1;
    loan = new AbortController();
    return Promise.resolve({
      path: hostPath('/root'),
      recalled: loan.signal,
      [Symbol.asyncDispose]: () => {
        closed += 1;
        return Promise.resolve();
      },
    });
  }

  async function useOnce(roots: SharedRoots): Promise<void> {
    await using root = await roots.join('m', openRoot);
    expect(root?.path).toBe('/root');
  }

  beforeEach(() => {
    opened = 0;
    closed = 0;
  });

  test('is opened once for requests that follow each other, and closed a moment after the last', async () => {
    const roots = new SharedRoots();
    for (let count = 0; count < 3; count += 1) {
      await useOnce(roots);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect({ opened, closed }).toEqual({ opened: 1, closed: 0 });
    await vi.advanceTimersByTimeAsync(1000);
    expect({ opened, closed }).toEqual({ opened: 1, closed: 1 });
    await useOnce(roots);
    expect(opened).toBe(2);
  });

  test('is not closed below who came back meanwhile', async () => {
    const roots = new SharedRoots();
    await useOnce(roots);
    await using root = await roots.join('m', openRoot);
    await vi.advanceTimersByTimeAsync(5000);
    expect({ opened, closed, path: root?.path }).toEqual({ opened: 1, closed: 0, path: '/root' });
  });

  test('is closed at once, and once, when somebody wants the machine and nobody uses it', async () => {
    const roots = new SharedRoots();
    await useOnce(roots);
    loan.abort();
    expect(closed).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(closed).toBe(1);
    await useOnce(roots);
    expect(opened).toBe(2);
  });

  test('recalled, it is closed by its last user, and nobody joins him', async () => {
    const roots = new SharedRoots();
    {
      await using root = await roots.join('m', openRoot);
      loan.abort();
      expect(closed).toBe(0);
      await useOnce(roots);
      expect({ opened, path: root?.path }).toEqual({ opened: 2, path: '/root' });
    }
    expect(closed).toBe(1);
    await vi.advanceTimersByTimeAsync(5000);
    expect(closed).toBe(2);
  });
});
