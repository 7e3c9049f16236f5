import { lineTitle, type Line, type RowId } from './rows.ts';

export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly count: number;
}

/** Every figure that was measured, by line, peer and round. */
export class Samples {
  readonly #lines = new Map<string, { line: Line; peers: Map<string, Map<number, number[]>> }>();
  readonly #notes: string[] = [];
  readonly #wanted: ReadonlySet<RowId>;

  /** Rows that are not wanted are dropped as they come. */
  constructor(wanted: ReadonlySet<RowId>) {
    this.#wanted = wanted;
  }

  add(line: Line, peer: string, round: number, ...values: readonly number[]): void {
    if (!this.#wanted.has(line.id)) return;
    const title = lineTitle(line);
    const entry = this.#lines.get(title) ?? {
      line,
      peers: new Map<string, Map<number, number[]>>(),
    };
    this.#lines.set(title, entry);
    const rounds = entry.peers.get(peer) ?? new Map<number, number[]>();
    entry.peers.set(peer, rounds);
    rounds.set(round, [...(rounds.get(round) ?? []), ...values]);
  }

  wants(id: RowId): boolean {
    return this.#wanted.has(id);
  }

  note(text: string): void {
    if (!this.#notes.includes(text)) this.#notes.push(text);
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  get lines(): readonly Line[] {
    return [...this.#lines.values()].map(({ line }) => line);
  }

  summary(line: Line, peer: string): Summary | undefined {
    const rounds = this.#rounds(line, peer);
    const values = [...(rounds?.values() ?? [])].flat();
    if (values.length === 0) return undefined;
    return { median: median(values), min: Math.min(...values), count: values.length };
  }

  /**
   * How many times `peer`'s figure is the other's: the median over rounds in which both were
   * measured, since only within a round is the host equally busy.
   */
  ratio(line: Line, peer: string, otherLine: Line, other: string): number | undefined {
    const rounds = this.#rounds(line, peer);
    const others = this.#rounds(otherLine, other);
    const ratios = [...(rounds ?? [])].flatMap(([round, values]) => {
      const base = others?.get(round);
      const ratio = base === undefined ? NaN : median(values) / median(base);
      return Number.isFinite(ratio) ? [ratio] : [];
    });
    return ratios.length === 0 ? undefined : median(ratios);
  }

  toJSON(): unknown {
    return [...this.#lines.entries()].map(([title, { line, peers }]) => ({
      ...line,
      title,
      peers: Object.fromEntries(
        [...peers].map(([peer, rounds]) => [peer, Object.fromEntries(rounds)]),
      ),
    }));
  }

  #rounds(line: Line, peer: string): Map<number, number[]> | undefined {
    return this.#lines.get(lineTitle(line))?.peers.get(peer);
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}
