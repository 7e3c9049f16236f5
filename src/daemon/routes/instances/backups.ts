import { createReadStream } from 'node:fs';

import { deleteBackup, renameBackup } from '../../../engine/backups/change.ts';
import { createBackup } from '../../../engine/backups/create.ts';
import { backupFile, getBackup, listBackups } from '../../../engine/backups/records.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { freeName } from '../backup-fields.ts';
import { readCompression } from '../compression-field.ts';
import { syncBody } from '../../http/replies.ts';
import { param, projectOfRequest } from '../../http/request.ts';
import { backupView } from '../../views/backups.ts';
import { instanceUrl } from '../../views/urls.ts';
import { listAnswer } from '../listing.ts';
import { instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/instances/NAME/backups`. */
export function backupRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const all = `/1.0/${tree}/:name/backups`;
    app.get(all, async (request) => {
      const { id, name } = getInstance(engine, param(request, 'name'));
      return listAnswer(
        request,
        await listBackups(engine, id),
        (record) => instanceUrl(name, `/backups/${encodeURIComponent(record.name)}`, tree),
        backupView,
      );
    });
    app.post(all, async (request, reply) => {
      const instance = param(request, 'name');
      const what = `export ${instance}`;
      const fields = new Fields(what, (await readJson(request.raw, what)) ?? {});
      const name = fields.string('name') ?? '';
      const project = projectOfRequest(request);
      const input = {
        instance,
        expiresAtMs: fields.time('expires_at') ?? undefined,
        instanceOnly: fields.boolean('instance_only') ?? fields.boolean('container_only') ?? false,
        compression: readCompression(fields, engine, project, 'backups.compression_algorithm'),
      };
      fields.done();
      const { id } = getInstance(engine, instance);
      const chosen = name === '' ? freeName(await listBackups(engine, id)) : name;
      return startOn(context, reply, instance, {
        description: 'Backing up instance',
        cancellable: true,
        // The stock client finds the new backup's name here and nowhere else.
        resources: { backups: [encodeURIComponent(chosen)] },
        work: async (work) => {
          const made = await createBackup(engine, { ...input, name: chosen }, work);
          return {
            backup: made.record.name,
            size: String(made.record.sizeBytes),
            ...(made.frozenMs === undefined ? {} : { frozen_ms: made.frozenMs }),
          };
        },
      });
    });
    app.get(`${all}/:backup`, async (request) => {
      const found = await getBackup(engine, param(request, 'name'), param(request, 'backup'));
      return syncBody(backupView(found.record));
    });
    app.post(`${all}/:backup`, async (request, reply) => {
      const [instance, name] = [param(request, 'name'), param(request, 'backup')];
      const what = `rename the backup ${instance}/${name}`;
      const fields = new Fields(what, await readJson(request.raw, what));
      const newName = fields.requiredString('name');
      fields.done();
      await getBackup(engine, instance, name);
      return startOn(context, reply, instance, {
        description: 'Renaming backup',
        work: async (work) => {
          await renameBackup(engine, { instance, name, newName }, work);
          return undefined;
        },
      });
    });
    app.delete(`${all}/:backup`, async (request, reply) => {
      const [instance, name] = [param(request, 'name'), param(request, 'backup')];
      await getBackup(engine, instance, name);
      return startOn(context, reply, instance, {
        description: 'Removing backup',
        work: async (work) => {
          await deleteBackup(engine, { instance, name }, work);
          return undefined;
        },
      });
    });
    app.get(`${all}/:backup/export`, async (request, reply) => {
      const found = await getBackup(engine, param(request, 'name'), param(request, 'backup'));
      const { record, instance } = found;
      void reply.headers({
        'Content-Type': 'application/octet-stream',
        'Content-Length': String(record.sizeBytes),
      });
      return reply.send(createReadStream(backupFile(engine, instance.id, record.name)));
    });
  }
}
