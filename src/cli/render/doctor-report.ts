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

/**
 * Short findings share a line, three of them where the terminal is wide enough; long ones do not.
 */
function formatColumns(checks: readonly DoctorCheck[], look: Look): readonly string[] {
  const columns = Math.max(1, Math.min(3, Math.floor((look.width ?? 80) / cellWidth)));
  const rows: string[] = [];
  let used = columns;
  for (const { summary } of checks) {
    const text = plain(summary);
    const cells = Math.ceil((displayWidth(text) + 4) / cellWidth);
    const pad = ' '.repeat(Math.max(0, cells * cellWidth - 2 - displayWidth(text)));
    const cell = `${paint(look, 'green', '✔')} ${text}${pad}`;
    const fits = used + cells <= columns;
    rows.push((fits ? (rows.pop() ?? '') : '') + cell);
    used = fits ? used + cells : cells;
  }
  return rows.map((row) => row.trimEnd());
}

/** Columns of a terminal for a short finding. */
const cellWidth = 26;

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
