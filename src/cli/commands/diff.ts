import { apiPath } from '../../client/client.ts';
import { formatSize } from '../../base/units.ts';
import { defineCommand } from '../command.ts';
import { parseInstanceRef } from '../names.ts';
import { paint, plainLines, type Look } from '../render/look.ts';
import { UsageError } from '../usage-error.ts';

import type { SnapshotChange, SnapshotDiff } from '../../contract/api/diff.ts';

export const diff = defineCommand({
  name: 'diff',
  summary: 'Show what changed in a machine’s files since a snapshot, or between two',
  details:
    'A is added, M modified, D deleted, T of another type. Of what is modified, a mode or owner that changed is said. Names that are no plain text are in quotes with escapes, as git prints them.',
  examples: [
    { line: 'warren diff web/before-upgrade', does: 'from the snapshot to now' },
    { line: 'warren diff web/snap0 web/snap1 --stat', does: 'between two, with sizes' },
    { line: 'warren diff -p web/before-upgrade', does: 'what changed in text files, line by line' },
  ],
  positionals: {
    from: { kind: 'required', summary: 'INSTANCE/SNAPSHOT', complete: 'instance' },
    to: {
      kind: 'optional',
      summary: 'INSTANCE/SNAPSHOT, or INSTANCE for now',
      complete: 'instance',
    },
  },
  options: {
    patch: {
      kind: 'flag',
      alias: 'p',
      summary: 'What changed in text files, line by line; patch -p1 takes it',
    },
    stat: { kind: 'flag', summary: 'Sizes as well, and the sums' },
    'name-only': { kind: 'flag', summary: 'Paths alone' },
  },
  next: 'warren restore NAME SNAPSHOT',
  async run(context, args) {
    const { client, progress } = context;
    const from = parseInstanceRef(args.from);
    const to = args.to === undefined ? undefined : parseInstanceRef(args.to);
    if (from.snapshot === undefined) {
      throw new UsageError(`Cannot compare "${args.from}": wanted INSTANCE/SNAPSHOT first`);
    }
    if (to !== undefined && to.instance !== from.instance) {
      throw new UsageError('Cannot compare two machines: wanted snapshots of one');
    }
    progress.start(`Comparing ${args.from}`);
    const path = apiPath('instances', from.instance, 'snapshots', from.snapshot, 'diff');
    const answer = await client.get<SnapshotDiff>(path, {
      to: to?.snapshot,
      patches: args.patch ? 1 : undefined,
    });
    progress.stop();
    if (answer.truncated) context.warn(`only the first ${answer.changes.length} changes are shown`);
    return answer;
  },
  render: ({ changes }, look, args) => ({
    text: changes
      .map(
        (one) =>
          (args['name-only'] ? one.path : `${one.change}  ${one.path}${attributes(one)}`) +
          sizes(one, args.stat) +
          formatPatch(one, look),
      )
      .concat(args.stat ? [sums(changes)] : [])
      .join('\n'),
  }),
});

/** Which of mode and owner changed, and from what to what. */
function attributes({ mode, owner }: SnapshotChange): string {
  return Object.entries({ mode, owner })
    .map(([name, one]) => (one === null ? '' : `  ${name} ${one.before} → ${one.after}`))
    .join('');
}

function sizes({ before, after }: SnapshotChange, wanted: boolean): string {
  if (!wanted || (before === null && after === null)) return '';
  const [old, now] = [before, after].map((bytes) => (bytes === null ? '-' : formatSize(bytes)));
  return `  ${old === now ? (old ?? '') : `${old ?? ''} → ${now ?? ''}`}`;
}

/**
 * The patch, for below the line of its file. On a terminal the file's control characters do
 * nothing.
 */
function formatPatch({ patch }: SnapshotChange, look: Look): string {
  if (patch === null || patch === '') return '';
  const lines = patch.replace(/\n$/, '').split('\n');
  return ['', ...lines.map((line) => formatLine(line, look))].join('\n');
}

function formatLine(line: string, look: Look): string {
  if (look.width === undefined) return line;
  const text = plainLines(look, line);
  if (/^(---|\+\+\+) /.test(line)) return paint(look, 'bold', text);
  const style = ({ '@': 'cyan', '+': 'green', '-': 'red' } as const)[line.charAt(0)];
  return style === undefined ? text : paint(look, style, text);
}

function sums(changes: readonly SnapshotChange[]): string {
  return summary(countChanges(changes)) || 'nothing changed';
}

/** How many changes there are of each kind. */
export interface ChangeCounts {
  readonly added: number;
  readonly modified: number;
  readonly deleted: number;
  /** Files that became directories, or links, and the like. */
  readonly retyped: number;
}

export function countChanges(changes: readonly Pick<SnapshotChange, 'change'>[]): ChangeCounts {
  const count = (kind: SnapshotChange['change']): number =>
    changes.filter(({ change }) => change === kind).length;
  return { added: count('A'), modified: count('M'), deleted: count('D'), retyped: count('T') };
}

/** `2 added, 1 modified`; empty for no change. */
export function summary({ added, modified, deleted, retyped }: ChangeCounts): string {
  const words: readonly (readonly [number, string])[] = [
    [added, 'added'],
    [modified, 'modified'],
    [deleted, 'deleted'],
    [retyped, 'of another type'],
  ];
  return words
    .filter(([count]) => count > 0)
    .map(([count, word]) => `${count} ${word}`)
    .join(', ');
}
