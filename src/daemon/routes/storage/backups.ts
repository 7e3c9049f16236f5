import { createReadStream } from 'node:fs';

import {
  deleteVolumeBackup,
  getVolumeBackup,
  renameVolumeBackup,
} from '../../../engine/backups/change.ts';
import { backupFile, listBackups } from '../../../engine/backups/records.ts';
import { exportVolume } from '../../../engine/backups/volume-export.ts';
import { getVolume } from '../../../engine/volumes/list.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { accepted, syncBody } from '../../http/replies.ts';
import { param, projectOfRequest } from '../../http/request.ts';
import { volumeBackupView } from '../../views/backups.ts';
import { poolsUrl, volumeUrl } from '../../views/volumes.ts';
import { freeName } from '../backup-fields.ts';
import { readCompression } from '../compression-field.ts';
import { listAnswer } from '../listing.ts';
import { checkPool } from './pools.ts';
import { volumeOf } from './named.ts';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { DaemonContext } from '../../context.ts';
import type { OperationSpec } from '../../operations/operation.ts';

const all = `${poolsUrl}/:pool/volumes/custom/:name/backups`;
const one = `${all}/:backup`;

/** `…/volumes/custom/NAME/backups`. */
export function volumeBackupRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  const volumeAt = (request: FastifyRequest): { readonly id: number; readonly name: string } => {
    checkPool(request);
    return getVolume(engine, volumeOf(engine, request));
  };
  const find = async (request: FastifyRequest) => {
    const { name: volume } = volumeAt(request);
    return { volume, ...(await getVolumeBackup(engine, volume, param(request, 'backup'))) };
  };
  app.get(all, async (request) => {
    const { id, name } = volumeAt(request);
    const url = (backup: string): string =>
      volumeUrl(name, `/backups/${encodeURIComponent(backup)}`);
    const records = await listBackups(engine, { volume: id });
    return listAnswer(request, records, (record) => url(record.name), volumeBackupView);
  });
  app.post(all, async (request, reply) => {
    const { id, name: volume } = volumeAt(request);
    const what = `export the storage volume ${volume}`;
    const fields = new Fields(what, (await readJson(request.raw, what)) ?? {});
    const name = fields.string('name') ?? '';
    const project = projectOfRequest(request);
    const input = {
      volume,
      expiresAtMs: fields.time('expires_at') ?? undefined,
      volumeOnly: fields.boolean('volume_only') ?? false,
      compression: readCompression(fields, engine, project, 'backups.compression_algorithm'),
    };
    fields.done();
    const chosen = name === '' ? freeName(await listBackups(engine, { volume: id })) : name;
    return start(context, reply, volume, {
      description: 'Creating storage volume backup',
      cancellable: true,
      resources: { backups: [encodeURIComponent(chosen)] },
      work: async (work) => {
        const made = await exportVolume(engine, { ...input, name: chosen }, work);
        return { backup: made.name, size: String(made.sizeBytes) };
      },
    });
  });
  app.get(one, async (request) => syncBody(volumeBackupView((await find(request)).record)));
  app.post(one, async (request, reply) => {
    const { volume, record } = await find(request);
    const what = `rename the backup ${volume}/${record.name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = fields.requiredString('name');
    fields.done();
    return start(context, reply, volume, {
      description: 'Renaming storage volume backup',
      work: async () => {
        await renameVolumeBackup(engine, volume, record.name, newName);
        return undefined;
      },
    });
  });
  app.delete(one, async (request, reply) => {
    const { volume, record } = await find(request);
    return start(context, reply, volume, {
      description: 'Removing storage volume backup',
      work: async () => {
        await deleteVolumeBackup(engine, volume, record.name);
        return undefined;
      },
    });
  });
  app.get(`${one}/export`, async (request, reply) => {
    const { record, owner } = await find(request);
    void reply.headers({
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(record.sizeBytes),
    });
    return reply.send(createReadStream(backupFile(engine, owner, record.name)));
  });
}

function start(
  context: DaemonContext,
  reply: FastifyReply,
  volume: string,
  spec: Omit<OperationSpec, 'resources'> & { readonly resources?: OperationSpec['resources'] },
): AsyncResponse {
  const resources = { storage_volumes: [volumeUrl(volume)], ...spec.resources };
  return accepted(reply, context.operations.start({ ...spec, resources }).render());
}
