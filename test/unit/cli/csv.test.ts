import { expect, test } from 'vitest';

import { list as templates } from '../../../src/cli/commands/config-template.ts';
import { history } from '../../../src/cli/commands/history.ts';
import { list as aliases } from '../../../src/cli/commands/image-alias.ts';
import { list as images } from '../../../src/cli/commands/image.ts';
import { info as project } from '../../../src/cli/commands/project.ts';
import { parseColumns } from '../../../src/cli/render/instance-columns.ts';
import { formatCsv, formatTable, type Table } from '../../../src/cli/render/table.ts';
import { machine } from './machine.ts';

import type { View } from '../../../src/cli/command.ts';

/*
 * Tables whose cells are sentences, stars or short forms for people, and plain values for programs.
 */
const look = { color: false, width: undefined, now: Date.parse('2026-06-15T12:00:00Z') };

function tableOf(view: View | undefined): Table {
  if (view === undefined || !('table' in view)) throw new Error('no table');
  return view.table;
}
const csvOf = (view: View | undefined): string => formatCsv(tableOf(view));
const linesOf = (view: View | undefined): string[] =>
  formatTable(tableOf(view), look).trimEnd().split('\n').slice(1);

test('an image that is to be built has no date; an alias names the whole fingerprint', () => {
  const toBuild = { alias: 'debian/12', description: 'Debian', fingerprint: '' };
  const view = images.render?.([toBuild], look, { filters: [], available: true });
  expect(linesOf(view)[0]).toMatch(/ built at the first launch$/);
  expect(csvOf(view)).toBe('debian/12,,Debian,,\n');
  const target = 'a1'.repeat(32);
  const alias = { name: 'lab', target, description: 'a, b', type: 'container' };
  const named = aliases.render?.([alias], look, {});
  expect(linesOf(named)[0]).toContain(`  ${target.slice(0, 12)}  `);
  expect(csvOf(named)).toBe(`lab,${target},"a, b"\n`);
});

test('a template says when it is used in the words of its metadata', () => {
  const files = [{ path: '/etc/a', when: ['create', 'start'], createOnly: true }];
  const all = [
    { name: 'a.tpl', files },
    { name: 'b.tpl', files: [] },
  ];
  const view = templates.render?.(all, look, { instance: 'web' });
  expect(linesOf(view)[0]).toMatch(/at create, start, when it is not there$/);
  expect(csvOf(view)).toBe('a.tpl,/etc/a,"create, start, create_only"\nb.tpl,,\n');
});

test('a history counts what changed, and what is now has no name', () => {
  const counts = { added: 2, modified: 0, deleted: 1, retyped: 0 };
  const moments = [
    { name: null, created_at: null, size: null, changes: { ...counts, truncated: true } },
    { name: 's0', created_at: '2026-06-14T12:00:00Z', size: 1536, changes: null },
  ];
  const view = history.render?.(moments, look, { instance: 'web' });
  expect(linesOf(view)).toEqual([
    '(now)      -                 -   2 added, 1 deleted and more',
    's0         yesterday   1.5 KiB   -',
  ]);
  expect(csvOf(view)).toBe(',,,added=2 deleted=1\ns0,2026-06-14T12:00:00.000Z,1536,\n');
});

test('amounts of a project and a machine are numbers', () => {
  const resources = {
    memory: { Limit: 1_073_741_824, Usage: 1536 },
    instances: { Limit: -1, Usage: 2 },
  };
  const view = project.render?.({ resources }, look, { project: 'lab' });
  expect(csvOf(view)).toBe('memory,1073741824,1536\ninstances,,2\n');
  const columns = parseColumns('fMu');
  const row = columns.map(({ cell }) => cell(machine(), look));
  expect(formatCsv({ columns, rows: [row] })).toMatch(/^[0-9a-f]{64},6\.6,\d+\.\d{9}\n$/);
});
