import { getVolume, getVolumeSnapshot } from '../../../engine/volumes/list.ts';
import {
  createVolumeSnapshot,
  deleteVolumeSnapshot,
  renameVolumeSnapshot,
  updateVolumeSnapshot,
} from '../../../engine/volumes/snapshots.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { accepted, syncBody } from '../../http/replies.ts';
import { header, param } from '../../http/request.ts';
import {
  listedVolumeSnapshotView,
  poolsUrl,
  volumeSnapshotView,
  volumeUrl,
} from '../../views/volumes.ts';
import { listAnswer } from '../listing.ts';
import { checkPool } from './pools.ts';
import { volumeOf } from './named.ts';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { EngineDeps, VolumeRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';
import type { OperationSpec } from '../../operations/operation.ts';

const all = `${poolsUrl}/:pool/volumes/custom/:name/snapshots`;
const one = `${all}/:snapshot`;

/** `…/volumes/custom/NAME/snapshots`. Every change is an operation, as in LXD. */
export function volumeSnapshotRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  app.get(all, (request) => {
    checkPool(request);
    const volume = getVolume(engine, volumeOf(engine, request));
    return listAnswer(
      request,
      engine.store.volumes.snapshots(volume.id),
      ({ name }) => volumeUrl(volume.name, `/snapshots/${encodeURIComponent(name)}`),
      listedVolumeSnapshotView,
    );
  });
  app.post(all, async (request, reply) => {
    checkPool(request);
    const { name: volume } = getVolume(engine, volumeOf(engine, request));
    const what = `snapshot the storage volume ${volume}`;
    const fields = new Fields(what, (await readJson(request.raw, what)) ?? {});
    const name = fields.string('name') ?? '';
    const description = fields.string('description') ?? '';
    const expiresAtMs = fields.time('expires_at') ?? undefined;
    fields.done();
    return start(context, reply, volume, {
      description: 'Creating storage volume snapshot',
      cancellable: true,
      work: async (work) => {
        const chosen = name === '' ? undefined : name;
        const input = { volume, name: chosen, description, expiresAtMs };
        const snapshot = await createVolumeSnapshot(engine, input, work);
        return { snapshot: snapshot.name };
      },
    });
  });
  app.get(one, (request, reply) => {
    const { snapshot } = find(engine, request);
    void reply.header('ETag', etagOf(writablePart(snapshot)));
    return syncBody(volumeSnapshotView(snapshot));
  });
  for (const method of ['PUT', 'PATCH'] as const) {
    app.route({
      method,
      url: one,
      handler: async (request) => {
        const { volume, snapshot } = find(engine, request);
        const what = `change the snapshot ${volume.name}/${snapshot.name}`;
        const fields = new Fields(what, await readJson(request.raw, what));
        const isWhole = method === 'PUT';
        const description = fields.string('description') ?? (isWhole ? '' : undefined);
        const expiresAtMs = fields.time('expires_at') ?? (isWhole ? null : undefined);
        fields.done();
        checkIfMatch(header(request, 'if-match'), etagOf(writablePart(snapshot)), snapshot.name);
        const input = { description, expiresAtMs };
        updateVolumeSnapshot(engine, volume.name, snapshot.name, input);
        return syncBody(null);
      },
    });
  }
  app.post(one, async (request, reply) => {
    const { volume, snapshot } = find(engine, request);
    const what = `rename the snapshot ${volume.name}/${snapshot.name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = fields.requiredString('name');
    fields.done();
    return start(context, reply, volume.name, {
      description: 'Renaming storage volume snapshot',
      work: () => {
        renameVolumeSnapshot(engine, volume.name, snapshot.name, newName);
        return Promise.resolve(undefined);
      },
    });
  });
  app.delete(one, (request, reply) => {
    const { volume, snapshot } = find(engine, request);
    return start(context, reply, volume.name, {
      description: 'Deleting storage volume snapshot',
      work: async () => {
        await deleteVolumeSnapshot(engine, volume.name, snapshot.name);
        return undefined;
      },
    });
  });
}

function find(
  engine: EngineDeps,
  request: FastifyRequest,
): { readonly volume: VolumeRecord; readonly snapshot: VolumeRecord } {
  checkPool(request);
  const volume = getVolume(engine, volumeOf(engine, request));
  return { volume, snapshot: getVolumeSnapshot(engine, volume, param(request, 'snapshot')) };
}

function writablePart({ description, expiresAtMs }: VolumeRecord): unknown {
  return { description, expiresAtMs };
}

function start(
  context: DaemonContext,
  reply: FastifyReply,
  volume: string,
  spec: Omit<OperationSpec, 'resources'>,
): AsyncResponse {
  const resources = { storage_volumes: [volumeUrl(volume)] };
  return accepted(reply, context.operations.start({ ...spec, resources }).render());
}
