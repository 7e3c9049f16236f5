import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';

import type { DeviceMap } from '../../src/contract/api/instances.ts';
import { patienceMs, quote, type EmulatedHost } from './host.ts';

/** A number in a file of the host: what the first group of `pattern` finds. */
export interface Counter {
  readonly path: string;
  readonly pattern: string;
}

/** A change of a machine that runs, and what the kernel has to show for it. */
export interface LiveChange {
  /** For the report. */
  readonly title: string;
  readonly body: {
    readonly config?: Readonly<Record<string, string>>;
    readonly devices?: DeviceMap;
  };
  /** Lines that files of the host have once the change is answered. */
  readonly shown: readonly { readonly path: string; readonly line: string }[];
  /** Grows when the workload is held. */
  readonly rises?: Counter;
  /**
   * Grows no faster from a second after the answer on, for another; `slack` is what was under way.
   */
  readonly atMost?: Counter & { readonly perSecond: number; readonly slack: number };
}

interface Plan {
  readonly socket: string;
  readonly machine: string;
  readonly rounds: number;
  readonly changes: readonly LiveChange[];
}

interface Outcome {
  /** From the request to its answer: what the emulated processor takes for it. */
  readonly answerMs: number;
  /** When it was answered. */
  readonly isShown: boolean;
  /** From the answer until the workload had been held. */
  readonly heldMs: number;
  readonly perSecond?: number;
}

/**
 * Of an odd number of rounds the middle one counts, since an emulated host stands still now and
 * then.
 */
const rounds = 3;
const secondMs = 1000;

/**
 * Makes these changes of a running machine one after the other, several times, and asserts that
 * each is in force when it is answered, by the kernel's files, always, and that the workload is
 * held within a second.
 */
export async function expectLiveChanges(
  host: EmulatedHost,
  machine: string,
  changes: readonly LiveChange[],
): Promise<void> {
  const socket = '/run/user/1000/warren/unix.socket';
  const plan: Plan = { socket, machine, rounds, changes };
  const program = join(import.meta.dirname, 'programs/live-changes.mjs');
  const output = await host.ok(`node --input-type=module - ${quote(JSON.stringify(plan))}`, {
    input: readFileSync(program),
    timeoutMs: patienceMs,
  });
  const outcomes = JSON.parse(output) as Outcome[];
  for (const [index, { title, atMost }] of changes.entries()) {
    const own = outcomes.filter((_, at) => at % changes.length === index);
    const answerMs = middle(own.map((one) => one.answerMs));
    const heldMs = middle(own.map((one) => one.heldMs));
    const perSecond = middle(own.flatMap((one) => one.perSecond ?? 0));
    const rate = atMost === undefined ? '' : `, then ${perSecond.toFixed(0)} a second`;
    const figures = `answered in ${answerMs.toFixed(0)} ms, holds ${heldMs.toFixed(0)} ms later`;
    process.stderr.write(`emulated host: ${title}: ${figures}${rate}\n`);
    expect(own, title).toHaveLength(rounds);
    expect(
      own.filter(({ isShown }) => isShown),
      title,
    ).toHaveLength(rounds);
    expect(heldMs, title).toBeLessThan(secondMs);
    if (atMost !== undefined) {
      expect(perSecond, title).toBeLessThanOrEqual(atMost.perSecond + atMost.slack);
    }
  }
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
}
