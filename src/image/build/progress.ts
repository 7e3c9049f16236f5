import type { Progress } from '../types.ts';

interface Phase {
  readonly starts: RegExp;
  readonly stage: string;
  /** Percent of the whole at its start and end, from timing a build. */
  readonly from: number;
  readonly to: number;
  /** A line of one package in this phase, and how many such lines each package has. */
  readonly each?: RegExp;
  readonly linesEach?: number;
}

/** mmdebstrap's own lines, of 1.3 (Debian 12) and 1.5 (Debian 13). */
const phases: readonly Phase[] = [
  { starts: /^I: running apt-get update/, stage: 'fetching package lists', from: 1, to: 12 },
  {
    starts: /^I: downloading packages/,
    stage: 'downloading packages',
    from: 12,
    to: 30,
    each: /^Get:\d+ /,
  },
  { starts: /^I: extracting archives/, stage: 'extracting packages', from: 30, to: 38 },
  {
    starts: /^I: installing essential packages/,
    stage: 'installing essential packages',
    from: 38,
    to: 55,
    each: /^(Unpacking|Setting up) /,
    linesEach: 2,
  },
  {
    starts: /^I: installing remaining packages/,
    stage: 'installing packages',
    from: 55,
    to: 98,
    each: /^(Get:\d+|Unpacking|Setting up) /,
    linesEach: 3,
  },
  { starts: /^I: cleaning /, stage: 'cleaning up', from: 98, to: 100 },
];

/** Turns the output of mmdebstrap and apt, line by line, into progress that never goes back. */
export class BuildProgress {
  #phase: Phase | undefined;
  #expected = 0;
  #seen = 0;

  /** Undefined when the line says nothing new. */
  line(text: string): Progress | undefined {
    const next = phases.find(({ starts }) => starts.test(text));
    if (next !== undefined) {
      this.#phase = next;
      this.#seen = 0;
      return this.#report();
    }
    const count = /(\d+) newly installed/.exec(text)?.[1];
    if (count !== undefined) this.#expected = Number(count);
    if (this.#phase?.each?.test(text) !== true) return undefined;
    this.#seen += 1;
    return this.#report();
  }

  #report(): Progress {
    const { stage = 'starting', from = 0, to = 0, linesEach = 1 } = this.#phase ?? {};
    const lines = this.#expected * linesEach;
    const share = lines === 0 ? 0 : Math.min(1, this.#seen / lines);
    return { stage, percent: Math.floor(from + (to - from) * share) };
  }
}
