import { expect, it } from 'vitest';

import { eachMinute, type Clock } from '../../../src/base/minutes.ts';

/** A clock that goes when it is told to. */
class HandClock implements Clock {
  nowMs: number;
  #due: { readonly atMs: number; readonly work: () => void } | undefined;

  constructor(text: string) {
    this.nowMs = Date.parse(text);
  }

  now(): number {
    return this.nowMs;
  }

  after(ms: number, work: () => void): () => void {
    this.#due = { atMs: this.nowMs + ms, work };
    return () => {
      this.#due = undefined;
    };
  }

  /** To a moment, with every timer on the way; `asleep` has only the last fire, late. */
  to(text: string, asleep = false): void {
    const end = Date.parse(text);
    while (this.#due !== undefined && this.#due.atMs <= end) {
      const { atMs, work } = this.#due;
      this.nowMs = asleep ? end : atMs;
      work();
    }
    this.nowMs = end;
  }
}

function started(text: string): { clock: HandClock; seen: string[]; running: Disposable } {
  const clock = new HandClock(text);
  const seen: string[] = [];
  const running = eachMinute((ms) => seen.push(new Date(ms).toISOString().slice(11, 16)), clock);
  return { clock, seen, running };
}

it('has each minute once, not the one it begins in', () => {
  const { clock, seen, running } = started('2030-01-01T12:00:30Z');
  clock.to('2030-01-01T12:00:59.999Z');
  expect(seen).toEqual([]);
  clock.to('2030-01-01T12:03:10Z');
  expect(seen).toEqual(['12:01', '12:02', '12:03']);
  running[Symbol.dispose]();
  clock.to('2030-01-01T12:10:00Z');
  expect(seen.length).toBe(3);
});

it('does not make up for minutes that nobody lived through', () => {
  const { clock, seen } = started('2030-01-01T12:00:30Z');
  clock.to('2030-01-01T15:30:20Z', true);
  expect(seen).toEqual(['15:30']);
});

it('has no minute twice when the clock is set back a little, and goes on when far', () => {
  const { clock, seen } = started('2030-01-01T12:00:30Z');
  clock.to('2030-01-01T12:02:30Z');
  clock.nowMs = Date.parse('2030-01-01T12:01:40Z');
  clock.to('2030-01-01T12:03:30Z');
  expect(seen).toEqual(['12:01', '12:02', '12:03']);
  clock.nowMs = Date.parse('2029-01-01T12:00:30Z');
  clock.to('2030-01-01T12:04:00Z', false);
  expect(seen.length).toBeGreaterThan(3);
});
