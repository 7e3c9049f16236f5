import { inProject } from '../command-line.ts';
import { paint, plain, type Look } from './look.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** A cell: what it says to people, how that is shown in colour, and what it says to programs. */
export type Cell =
  string | { readonly text: string; readonly painted?: string; readonly value?: string };

/** Rows for people; `csv` takes the same cells, without paint and for programs. */
export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  /** Said instead of an empty table. What stands behind `next: ` is about the project at hand. */
  readonly empty?: string;
}

/** The words of a cell, harmless for a terminal. */
function textOf(cell: Cell | undefined): string {
  return plain(typeof cell === 'string' ? cell : (cell?.text ?? ''));
}

/** Aligned columns with `gap` blanks between them, each line with a line end. */
export function formatTable({ columns, rows, empty }: Table, look: Look, gap = 3): string {
  if (rows.length === 0 && empty !== undefined) {
    return `${empty.replace(/(?<=next: ).*$/, (next) => inProject(look.project, next))}\n`;
  }
  const widths = columns.map(({ title }, index) =>
    Math.max(displayWidth(title), ...rows.map((row) => displayWidth(textOf(row[index])))),
  );
  const line = (cells: readonly Cell[], header: boolean): string =>
    columns
      .map(({ align }, index) => {
        const cell = cells[index];
        const text = textOf(cell);
        const pad = ' '.repeat(Math.max(0, (widths[index] ?? 0) - displayWidth(text)));
        const shown = header
          ? paint(look, 'bold', text)
          : look.color && cell !== undefined && typeof cell !== 'string'
            ? (cell.painted ?? text)
            : text;
        return align === 'right' ? pad + shown : shown + pad;
      })
      .join(' '.repeat(gap))
      .trimEnd();
  const header = line(
    columns.map(({ title }) => title),
    true,
  );
  return `${[header, ...rows.map((row) => line(row, false))].join('\n')}\n`;
}

/** RFC 4180 without a header, as `lxc` prints it; an empty cell is a field of nothing. */
export function formatCsv({ rows }: Table): string {
  const field = (cell: Cell): string => {
    const said = typeof cell === 'string' ? cell : (cell.value ?? cell.text);
    const value = said === '-' ? '' : said;
    return /[",\n\r]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  };
  return rows.map((row) => `${row.map(field).join(',')}\n`).join('');
}

/** Columns that a text takes on a terminal: wide characters of East Asia take two, marks none. */
export function displayWidth(text: string): number {
  if (/^[\u0020-\u007e]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (/\p{Mark}/u.test(character)) continue;
    width += isWide(character.codePointAt(0) ?? 0) ? 2 : 1;
  }
  return width;
}

function isWide(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x115f) ||
    (code >= 0x2e80 && code <= 0xa4cf) ||
    (code >= 0xac00 && code <= 0xd7a3) ||
    (code >= 0xf900 && code <= 0xfaff) ||
    (code >= 0xff00 && code <= 0xff60) ||
    (code >= 0x1f300 && code <= 0x1faff)
  );
}
