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
import { imageAliasUrl } from '../../views/urls.ts';
import { listAnswer } from '../listing.ts';
import { ownerOfImages } from './owner.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../../contract/api/envelope.ts';
import type { ImageAliasRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/images/aliases`. Names may hold slashes, which come encoded. */
export function imageAliasRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  const all = '/1.0/images/aliases';
  const find = (request: FastifyRequest): ImageAliasRecord =>
    getAlias(engine, ownerOfImages(engine, request), param(request, 'alias'));
  app.get(all, (request) => {
    const records = listAliases(engine, ownerOfImages(engine, request));
    return listAnswer(request, records, urlOf, aliasView);
  });
  app.post(all, async (request, reply) => {
    const what = 'create the image alias';
    const fields = new Fields(what, await readJson(request.raw, what));
    const input = {
      project: ownerOfImages(engine, request),
      name: fields.requiredString('name'),
      target: fields.requiredString('target'),
      description: fields.string('description') ?? '',
    };
    fields.done();
    return created(reply, urlOf(createAlias(engine, input)));
  });
  app.get(`${all}/:alias`, (request, reply) => {
    const view = aliasView(find(request));
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
    const project = ownerOfImages(engine, request);
    renameAlias(engine, project, name, newName);
    return created(reply, imageAliasUrl(project, newName));
  });
  app.delete(`${all}/:alias`, (request) => {
    deleteAlias(engine, ownerOfImages(engine, request), param(request, 'alias'));
    return syncBody(null);
  });
}

function urlOf({ project, name }: ImageAliasRecord): string {
  return imageAliasUrl(project, name);
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
  const project = ownerOfImages(engine, request);
  const current = aliasView(getAlias(engine, project, name));
  checkIfMatch(header(request, 'if-match'), etagOf(current), `the image alias ${name}`);
  updateAlias(engine, { project, name, description, target: target === '' ? undefined : target });
  return syncBody(null);
}
