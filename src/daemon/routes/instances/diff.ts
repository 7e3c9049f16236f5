import { quotePath } from '../../../base/quote-path.ts';
import { diffSnapshots, maxChanges } from '../../../engine/snapshots/diff.ts';
import { syncBody } from '../../http/replies.ts';
import { param, query } from '../../http/request.ts';
import { whileConnected } from '../../http/waiting.ts';
import { instanceTrees } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { Changed, SnapshotDiff } from '../../../contract/api/diff.ts';
import type { TreeAttributes, TreeChange } from '../../../storage/types.ts';
import type { DaemonContext } from '../../context.ts';

/**
 * `/1.0/instances/NAME/snapshots/SNAPSHOT/diff?to=SNAPSHOT`: warren's own; without `to`, to now.
 * `patches=1`: line by line.
 */
export function diffRoutes(app: FastifyInstance, { engine }: DaemonContext): void {
  for (const tree of instanceTrees) {
    app.get(`/1.0/${tree}/:name/snapshots/:snapshot/diff`, async (request) => {
      using client = whileConnected(request);
      const [instance, from] = [param(request, 'name'), param(request, 'snapshot')];
      const wanted = query(request, 'to') ?? '';
      const to = wanted === '' ? undefined : wanted;
      const patches = query(request, 'patches') === '1';
      const changes = await diffSnapshots(engine, { instance, from, to, patches }, client);
      return syncBody<SnapshotDiff>({
        from,
        to: to ?? null,
        changes: changes.map(({ change, path, isDirectory, before, after, attributes, patch }) => ({
          change,
          path: quotePath(isDirectory ? Buffer.concat([path, Buffer.from('/')]) : path),
          before: before ?? null,
          after: after ?? null,
          mode: changed(attributes, ({ mode }) => mode.toString(8).padStart(4, '0')),
          owner: changed(attributes, ({ uid, gid }) => `${uid}:${gid}`),
          patch: patch ?? null,
        })),
        truncated: changes.length >= maxChanges,
      });
    });
  }
}

function changed(
  attributes: TreeChange['attributes'],
  say: (attributes: TreeAttributes) => string,
): Changed | null {
  if (attributes === undefined) return null;
  const [before, after] = [say(attributes.before), say(attributes.after)];
  return before === after ? null : { before, after };
}
