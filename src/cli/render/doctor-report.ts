import { displayWidth } from './table.ts';
import { paint, plain, type Look } from './look.ts';

import type { DoctorCheck, DoctorReport } from '../../contract/doctor.ts';

/** What is well in columns, then what is not, a line each with what mends it below. */
export function formatReport({ checks, canRun }: DoctorReport, look: Look): string {
  const well = checks.filter(({ level }) => level === 'ok');
  const ill = checks.filter(({ level }) => level !== 'ok');
  const lines = [...formatColumns(well, look), ...ill.flatMap((check) => formatIll(check, look))];
  return `${[...lines, verdict(ill, canRun, look)].join('\n')}\n`;
}

function formatColumns(checks: readonly DoctorCheck[], look: Look): readonly string[] {
  const texts = checks.map(({ summary }) => plain(summary));
  const width = Math.max(0, ...texts.map(displayWidth)) + 5;
  const columns = Math.max(1, Math.min(3, Math.floor((look.width ?? 80) / width)));
  const tick = paint(look, 'green', '✔');
  const rows: string[] = [];
  for (let start = 0; start < texts.length; start += columns) {
    const cells = texts
      .slice(start, start + columns)
      .map((text) => `${tick} ${text}${' '.repeat(Math.max(0, width - 2 - displayWidth(text)))}`);
    rows.push(cells.join('').trimEnd());
  }
  return rows;
}

function formatIll({ level, vital, summary, remedy }: DoctorCheck, look: Look): readonly string[] {
  const sign =
    level === 'missing' ? paint(look, vital ? 'red' : 'yellow', '✘') : paint(look, 'yellow', '!');
  const help = remedy?.split('\n').map((line) => `    ${plain(line)}`) ?? [];
  return [`${sign} ${plain(summary)}`, ...help];
}

function verdict(ill: readonly DoctorCheck[], canRun: boolean, look: Look): string {
  const warnings = ill.filter(({ level }) => level === 'warning').length;
  const missing = ill.length - warnings;
  const counts = [
    ...(warnings === 0 ? [] : [`${warnings} warning${warnings === 1 ? '' : 's'}`]),
    ...(missing === 0 ? [] : [`${missing} missing`]),
  ];
  const can = canRun
    ? 'warren can run machines.'
    : paint(look, 'red', 'warren cannot run machines here.');
  return counts.length === 0 ? can : `${can} ${counts.join(', ')}.`;
}
