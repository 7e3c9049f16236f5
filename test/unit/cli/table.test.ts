import { expect, test } from 'vitest';

import { idCell, sizeCell, timeCell } from '../../../src/cli/render/cells.ts';
import { paintState } from '../../../src/cli/render/look.ts';
import { formatAnswer } from '../../../src/cli/render/format.ts';
import { displayWidth, formatCsv, formatTable } from '../../../src/cli/render/table.ts';

const look = { color: false, width: undefined, now: 0 };
const table = {
  columns: [{ title: 'NAME' }, { title: 'SIZE', align: 'right' as const }],
  rows: [
    ['web', '9 MiB'],
    ['database', '10 MiB'],
  ],
};

test('columns align, numbers to the right, and no line ends in blanks', () => {
  expect(formatTable(table, look)).toBe(
    ['NAME         SIZE', 'web         9 MiB', 'database   10 MiB', ''].join('\n'),
  );
});

test('compact has one blank between columns', () => {
  expect(formatTable(table, look, 1)).toBe(
    ['NAME       SIZE', 'web       9 MiB', 'database 10 MiB', ''].join('\n'),
  );
});

test('an empty table says so', () => {
  expect(formatTable({ columns: [], rows: [], empty: 'Nothing.' }, look)).toBe('Nothing.\n');
});

test('what an empty table proposes is about the project that the command line names', () => {
  const empty = 'There are no networks.   next: warren network create lab';
  const inLab = { ...look, project: 'lab' };
  expect(formatTable({ columns: [], rows: [], empty }, inLab)).toBe(
    'There are no networks.   next: warren --project lab network create lab\n',
  );
  expect(formatTable({ columns: [], rows: [], empty }, look)).toBe(`${empty}\n`);
});

test('colour does not move columns', () => {
  const colored = { ...look, color: true };
  const state = (text: string) => ({ text, painted: paintState(colored, text) });
  const text = formatTable(
    {
      columns: [{ title: 'STATE' }, { title: 'NAME' }],
      rows: [
        [state('running'), 'a'],
        [state('stopped'), 'b'],
      ],
    },
    colored,
  );
  expect(text).toContain('\u001b[32mrunning\u001b[0m   a');
  expect(text).toContain('stopped   b');
});

test('what a machine says cannot move the cursor', () => {
  const text = formatTable(
    { columns: [{ title: 'NAME' }], rows: [['\u001b]0;owned\u0007\u009b2J\nx']] },
    look,
  );
  expect(text).toBe('NAME\n?]0;owned??2J?x\n');
});

test('wide characters take two columns, marks none', () => {
  expect(displayWidth('abc')).toBe(3);
  expect(displayWidth('日本')).toBe(4);
  expect(displayWidth('e\u0301')).toBe(1);
});

test('csv says times, sizes and ids whole, where a table says them for people', () => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const row = [
    timeCell('2026-01-01T00:00:00.5Z', now),
    timeCell('0001-01-01T00:00:00Z', now),
    sizeCell(1536),
    sizeCell(undefined),
    idCell('0123456789', 4),
  ];
  const columns = row.map((_, index) => ({ title: String(index) }));
  expect(formatCsv({ columns, rows: [row] })).toBe('2026-01-01T00:00:00.500Z,,1536,,0123456789\n');
  const table = formatTable({ columns, rows: [row] }, look);
  expect(table.split('\n')[1]?.split(/ {2,}/)).toEqual(['yesterday', '-', '1.5 KiB', '-', '0123']);
});

test('csv has no header, quotes what must be quoted, and leaves out dashes that mean nothing', () => {
  const csv = formatCsv({
    columns: [],
    rows: [['a,b', 'say "x"', '-', { text: 'running', painted: '\u001b[32mrunning\u001b[0m' }]],
  });
  expect(csv).toBe('"a,b","say ""x""",,running\n');
});

test('what a machine has in a name does nothing to a terminal, in whatever format', async () => {
  const nasty = 'eth\u001b]0;x\u0007\u009b2J';
  const view = () => ({ table: { columns: [{ title: 'NAME' }], rows: [[nasty]] } });
  for (const format of ['table', 'json', 'yaml', 'csv', 'compact'] as const) {
    const text = await formatAnswer(format, { name: nasty }, view, { ...look, width: 80 });
    expect(text, format).toMatch(/eth.*2J/);
    expect(text, format).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
  }
  // A program gets it as it is.
  const toProgram = await formatAnswer('csv', undefined, view, { ...look, width: undefined });
  expect(toProgram).toBe(`${nasty}\n`);
});
