import { WarrenError } from '../../../contract/errors.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { createSnapshot } from '../../../engine/snapshots/create.ts';
import { deleteSnapshot } from '../../../engine/snapshots/delete.ts';
import { getSnapshot, listSnapshots } from '../../../engine/snapshots/list.ts';
import { renameSnapshot } from '../../../engine/snapshots/rename.ts';
import { setSnapshotExpiry } from '../../../engine/snapshots/update.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { syncBody } from '../../http/replies.ts';
import { header, param } from '../../http/request.ts';
import { snapshotView } from '../../views/instances.ts';
import { instanceUrl } from '../../views/urls.ts';
import { listAnswer } from '../listing.ts';
import { instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { OperationSpec } from '../../operations/operation.ts';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/instances/NAME/snapshots`. */
export function snapshotRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const all = `/1.0/${tree}/:name/snapshots`;
    app.get(all, (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      return listAnswer(
        request,
        listSnapshots(engine, name),
        (record) => instanceUrl(name, `/snapshots/${encodeURIComponent(record.name)}`, tree),
        (record) => snapshotView(engine, record),
      );
    });
    app.post(all, async (request, reply) => {
      const instance = param(request, 'name');
      const what = `snapshot ${instance}`;
      const fields = new Fields(what, (await readJson(request.raw, what)) ?? {});
      const name = fields.string('name') ?? '';
      const expiresAtMs = fields.time('expires_at');
      const isStateful = fields.boolean('stateful') ?? false;
      fields.done();
      getInstance(engine, instance);
      if (isStateful) {
        throw new WarrenError('unsupported', { what, why: 'snapshots hold no state in memory' });
      }
      return startOn(context, reply, instance, {
        description: 'Snapshotting instance',
        cancellable: true,
        ...(name === '' ? {} : { resources: snapshotResources(instance, name) }),
        work: async (work) => {
          const input = { instance, name: name === '' ? undefined : name, expiresAtMs };
          const snapshot = await createSnapshot(engine, input, work);
          const { frozenMs } = snapshot;
          return {
            snapshot: snapshot.name,
            ...(frozenMs === undefined ? {} : { frozen_ms: frozenMs }),
          };
        },
      });
    });
    app.get(`${all}/:snapshot`, (request, reply) => {
      const record = getSnapshot(engine, param(request, 'name'), param(request, 'snapshot'));
      void reply.header('ETag', etagOf({ expiresAtMs: record.expiresAtMs }));
      return syncBody(snapshotView(engine, record));
    });
    for (const method of ['PUT', 'PATCH'] as const) {
      app.route({
        method,
        url: `${all}/:snapshot`,
        handler: async (request, reply) => {
          const [instance, name] = [param(request, 'name'), param(request, 'snapshot')];
          const what = `change the snapshot ${instance}/${name}`;
          const fields = new Fields(what, await readJson(request.raw, what));
          const wanted = fields.time('expires_at');
          fields.done();
          const now = getSnapshot(engine, instance, name);
          const etag = etagOf({ expiresAtMs: now.expiresAtMs });
          checkIfMatch(header(request, 'if-match'), etag, `${instance}/${name}`);
          const isKept = method === 'PATCH' && wanted === undefined;
          return startOn(context, reply, instance, {
            description: 'Updating snapshot',
            resources: snapshotResources(instance, name),
            work: () => {
              if (isKept) return Promise.resolve(undefined);
              const expiresAtMs = wanted ?? undefined;
              setSnapshotExpiry(engine, { instance, name, expiresAtMs });
              return Promise.resolve(undefined);
            },
          });
        },
      });
    }
    app.post(`${all}/:snapshot`, async (request, reply) => {
      const [instance, name] = [param(request, 'name'), param(request, 'snapshot')];
      const what = `rename the snapshot ${instance}/${name}`;
      const fields = new Fields(what, await readJson(request.raw, what));
      const newName = fields.requiredString('name');
      fields.done();
      getSnapshot(engine, instance, name);
      return startOn(context, reply, instance, {
        description: 'Renaming snapshot',
        resources: snapshotResources(instance, name),
        work: async (work) => {
          await renameSnapshot(engine, { instance, name, newName }, work);
          return undefined;
        },
      });
    });
    app.delete(`${all}/:snapshot`, (request, reply) => {
      const [instance, name] = [param(request, 'name'), param(request, 'snapshot')];
      getSnapshot(engine, instance, name);
      return startOn(context, reply, instance, {
        description: 'Deleting snapshot',
        resources: snapshotResources(instance, name),
        work: async (work) => {
          await deleteSnapshot(engine, { instance, name }, work);
          return undefined;
        },
      });
    });
  }
}

function snapshotResources(instance: string, name: string): OperationSpec['resources'] {
  const rest = `/snapshots/${encodeURIComponent(name)}`;
  return {
    instances_snapshots: [instanceUrl(instance, rest)],
    containers_snapshots: [instanceUrl(instance, rest, 'containers')],
  };
}
