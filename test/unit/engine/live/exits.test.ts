import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { ProcessIdentity } from '../../../../src/base/process-identity.ts';
import type { ExitRecord } from '../../../../src/contract/keeper.ts';
import { ExitLedger, type ExitSource } from '../../../../src/engine/live/exits.ts';

const exit = (sequence: number): ExitRecord => ({
  sequence,
  pid: 100 + sequence,
  startTime: 1000 + sequence,
  bootId: 'boot',
  exit: { kind: 'killed', value: 1 },
  at: '2030-01-01T00:00:00.000Z',
});

const minuteMs = 60_000;

interface Opened {
  readonly ledger: ExitLedger;
  readonly failures: unknown[];
  /** What the keeper was told to forget. */
  readonly forgotten: number[];
  /** The inits that rows name. */
  rows: () => readonly ProcessIdentity[];
}

/** A ledger over a keeper's journal with these exits. */
function open(...pending: readonly ExitRecord[]): Opened {
  const forgotten: number[] = [];
  const failures: unknown[] = [];
  const source: ExitSource = {
    pendingExits: pending,
    onExit: () => ({ [Symbol.dispose]: () => undefined }),
    forgetExits: (sequence) => {
      forgotten.push(sequence);
      return Promise.resolve();
    },
  };
  const opened: Opened = {
    forgotten,
    failures,
    rows: () => [],
    ledger: new ExitLedger(
      source,
      () => opened.rows(),
      (error) => failures.push(error),
    ),
  };
  return opened;
}

describe('an exit', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('that no machine waits for is forgotten after a while', async () => {
    const { ledger, forgotten } = open(exit(1));
    using _ = ledger;
    vi.advanceTimersByTime(2 * minuteMs);
    expect(forgotten).toEqual([1]);
    expect(await ledger.take(exit(1), 0)).toBeUndefined();
  });

  test('of a run that a row still has is kept for as long as the row has it', async () => {
    const opened = open(exit(1), exit(2));
    const { ledger, forgotten } = opened;
    using _ = ledger;
    opened.rows = () => [exit(1)];
    vi.advanceTimersByTime(60 * minuteMs);
    expect(forgotten).toEqual([]);
    expect(await ledger.take(exit(1), 0)).toEqual(exit(1));
    expect(await ledger.take(exit(2), 0)).toBeUndefined();
    opened.rows = () => [];
    vi.advanceTimersByTime(2 * minuteMs);
    expect(forgotten).toEqual([2]);
  });

  test('is kept while the rows cannot be read', async () => {
    const opened = open(exit(1));
    const { ledger, forgotten, failures } = opened;
    using _ = ledger;
    opened.rows = () => {
      throw new Error('disk I/O error');
    };
    vi.advanceTimersByTime(2 * minuteMs);
    expect(failures).not.toEqual([]);
    expect(forgotten).toEqual([]);
    expect(await ledger.take(exit(1), 0)).toEqual(exit(1));
  });
});
