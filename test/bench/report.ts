import { lineTitle, rows, type Unit } from './rows.ts';

import type { Peer } from './peer.ts';
import type { Samples } from './samples.ts';
import type { Verdict } from './verdict.ts';

/** The table: medians, each with how many times warren's it is. */
export function formatTable(samples: Samples, peers: readonly Peer[]): string {
  const header = ['', ...peers.map(({ name }) => name)];
  const body = samples.lines.map((line) => [
    lineTitle(line),
    ...peers.map(({ name }) => {
      const summary = samples.summary(line, name);
      if (summary === undefined) return '-';
      const figure = formatFigure(summary.median, rows[line.id].unit);
      const ratio = name === 'warren' ? undefined : samples.ratio(line, name, line, 'warren');
      return ratio === undefined ? figure : `${figure}  ${ratio.toFixed(ratio < 10 ? 2 : 0)}×`;
    }),
  ]);
  const lines = [header, ...body];
  const widths = header.map((_, i) => Math.max(...lines.map((cells) => (cells[i] ?? '').length)));
  return lines
    .map((cells) =>
      cells
        .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function formatVerdicts(verdicts: readonly Verdict[]): string {
  return verdicts
    .map(({ goal, found, isMet }) => `${isMet ? '✔' : '✘'} ${goal}: ${found}`)
    .join('\n');
}

function formatFigure(value: number, unit: Unit): string {
  switch (unit) {
    case 'ms':
      return `${value.toFixed(value < 10 ? 1 : 0)} ms`;
    case 'bytes':
      return Math.abs(value) < 1024 * 1024
        ? `${(value / 1024).toFixed(0)} KiB`
        : `${(value / 1024 / 1024).toFixed(1)} MiB`;
    case 'rate':
      return `${(value / 1_000_000).toFixed(0)} MB/s`;
    case 'percent':
      return `${value.toFixed(1)} %`;
    case 'count':
      return value.toFixed(value % 1 === 0 ? 0 : 1);
  }
}
