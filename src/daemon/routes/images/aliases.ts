import {
  createAlias,
  deleteAlias,
  getAlias,
  listAliases,
  renameAlias,
  updateAlias,
} from '../../../engine/images/aliases.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { created, syncBody } from '../../http/replies.ts';
import { header, param } from '../../http/request.ts';
import { aliasView } from '../../views/images.ts';
import { listAnswer } from '../listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../../contract/api/envelope.ts';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/images/aliases`. Names may hold slashes, which come encoded. */
export function imageAliasRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  const all = '/1.0/images/aliases';
  const url = (name: string): string => `${all}/${encodeURIComponent(name)}`;
  app.get(all, (request) =>
    listAnswer(request, listAliases(engine), (record) => url(record.name), aliasView),
  );
  app.post(all, async (request, reply) => {
    const what = 'create the image alias';
    const fields = new Fields(what, await readJson(request.raw, what));
    const input = {
      name: fields.requiredString('name'),
      target: fields.requiredString('target'),
      description: fields.string('description') ?? '',
    };
    fields.done();
    const { name } = createAlias(engine, input);
    return created(reply, url(name));
  });
  app.get(`${all}/:alias`, (request, reply) => {
    const view = aliasView(getAlias(engine, param(request, 'alias')));
    void reply.header('ETag', etagOf(view));
    return syncBody(view);
  });
  app.put(`${all}/:alias`, async (request) => change(context, request, ''));
  app.patch(`${all}/:alias`, async (request) => change(context, request, undefined));
  app.post(`${all}/:alias`, async (request, reply) => {
    const name = param(request, 'alias');
    const what = `rename the image alias ${name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = fields.requiredString('name');
    fields.done();
    renameAlias(engine, name, newName);
    return created(reply, url(newName));
  });
  app.delete(`${all}/:alias`, (request) => {
    deleteAlias(engine, param(request, 'alias'));
    return syncBody(null);
  });
}

async function change(
  { engine }: DaemonContext,
  request: FastifyRequest,
  absent: '' | undefined,
): Promise<SyncResponse<null>> {
  const name = param(request, 'alias');
  const what = `change the image alias ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const target = fields.string('target') ?? '';
  const description = fields.string('description') ?? absent;
  fields.done();
  const current = aliasView(getAlias(engine, name));
  checkIfMatch(header(request, 'if-match'), etagOf(current), `the image alias ${name}`);
  updateAlias(engine, { name, description, target: target === '' ? undefined : target });
  return syncBody(null);
}
