import { formatDuration } from '../base/units.ts';
import { plain } from './render/look.ts';

import type { OperationObserver } from '../client/operations.ts';
import type { Operation } from '../contract/api/operations.ts';
import type { Writable } from 'node:stream';

/** What finishes sooner shows nothing. */
const quietMs = 300;
const redrawMs = 100;
/** The bar takes what the other parts of the line leave it, within these bounds. */
const maxBarCells = 26;
const minBarCells = 6;

/** How far something is, for the live line. */
export interface Step {
  readonly stage?: string | undefined;
  /** 0 … 100. */
  readonly percent?: number | undefined;
}

type Screen = Writable & { readonly columns?: number };

/** One live line on stderr, drawn on a terminal only and only for what takes longer than 300 ms. */
export class Progress implements OperationObserver {
  readonly wanted: boolean;
  readonly #openStream: () => Screen;
  readonly #now: () => number;
  #title = '';
  #startedAt = 0;
  #step: Step = {};
  #timer: NodeJS.Timeout | undefined;
  #drawn = false;

  constructor(openStream: () => Screen, wanted: boolean, now: () => number = Date.now) {
    this.#openStream = openStream;
    this.wanted = wanted;
    this.#now = now;
  }

  /** Begins a line: `Building image debian/12`. */
  start(title: string): void {
    if (!this.wanted) return;
    this.#title = title;
    this.#step = {};
    if (this.#timer !== undefined) return;
    this.#startedAt = this.#now();
    this.#timer = setTimeout(() => {
      this.#draw();
      this.#timer = setInterval(() => {
        this.#draw();
      }, redrawMs);
      this.#timer.unref();
    }, quietMs);
    this.#timer.unref();
  }

  step(step: Step): void {
    this.#step = step;
  }

  progress(operation: Operation): void {
    const title = operation.metadata['title'];
    if (typeof title === 'string') this.#title = title;
    this.step(stepOf(operation.metadata));
  }

  /** Removes the line. `line` stays in its place if there was something to see. */
  stop(line?: string): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#drawn) return;
    this.#drawn = false;
    this.#stream.write(`\r\u001b[K${line === undefined ? '' : `${line}\n`}`);
  }

  /** Makes room for a line of somebody else; the live line is drawn again below it. */
  clear(): void {
    if (this.#drawn) this.#stream.write('\r\u001b[K');
  }

  get #stream(): Screen {
    return this.#openStream();
  }

  #draw(): void {
    this.#drawn = true;
    const width = (this.#stream.columns ?? 80) - 1;
    const elapsedMs = this.#now() - this.#startedAt;
    const line = formatStep(this.#title, this.#step, elapsedMs, width);
    this.#stream.write(`\r\u001b[K${line.slice(0, width)}`);
  }
}

/** `Building image debian/12   ━━━━━━━━────── 68%  installing packages   11s`. */
export function formatStep(
  title: string,
  { stage, percent }: Step,
  elapsedMs: number,
  width: number,
): string {
  const parts = [plain(title)];
  const after = [
    ...(stage === undefined || stage === '' ? [] : [plain(stage)]),
    formatDuration(elapsedMs),
  ];
  if (percent !== undefined) {
    const share = `${Math.round(percent)}%`;
    const others = [...parts, share, ...after].join('   ').length;
    const cells = Math.min(maxBarCells, width - others - 1);
    const full = Math.round((Math.min(100, Math.max(0, percent)) / 100) * cells);
    const bar = cells < minBarCells ? '' : `${'━'.repeat(full)}${'─'.repeat(cells - full)} `;
    parts.push(`${bar}${share}`);
  }
  return [...parts, ...after].join('   ');
}

/**
 * Progress in an operation's metadata: `progress` with stage and percent, or LXD's strings whose
 * key ends in `_progress`, such as `rootfs: 12% (1.2MB/s)`.
 */
export function stepOf(metadata: Operation['metadata']): Step {
  const progress = metadata['progress'];
  if (typeof progress === 'object' && progress !== null) {
    const { stage, percent } = progress as { stage?: unknown; percent?: unknown };
    const number = percent === undefined || percent === '' ? Number.NaN : Number(percent);
    return {
      stage: typeof stage === 'string' ? stage : undefined,
      percent: Number.isFinite(number) ? number : undefined,
    };
  }
  const key = Object.keys(metadata).find((name) => name.endsWith('_progress'));
  const text = key === undefined ? undefined : metadata[key];
  if (typeof text !== 'string') return {};
  const percent = /(\d+(?:\.\d+)?)%/.exec(text)?.[1];
  return { stage: text, percent: percent === undefined ? undefined : Number(percent) };
}
