import { deleteImage } from '../../../engine/images/delete.ts';
import { getImageRecipe } from '../../../engine/images/ensure.ts';
import { findImage, getImage, listImages } from '../../../engine/images/list.ts';
import { refreshImage } from '../../../engine/images/refresh.ts';
import { updateImage } from '../../../engine/images/update.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { accepted, syncBody } from '../../http/replies.ts';
import { header, param } from '../../http/request.ts';
import { imageView, recipeView } from '../../views/images.ts';
import { imageUrl } from '../../views/urls.ts';
import { listAnswer } from '../listing.ts';
import { ownerOfImages } from './owner.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../../contract/api/envelope.ts';
import type { EngineDeps, ImageRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

/** `GET /1.0/images` and `/1.0/images/FINGERPRINT` (or the beginning of one). */
export function imageRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  const path = '/1.0/images/:fingerprint';
  app.get('/1.0/images', (request) =>
    listAnswer(request, listImages(engine, ownerOfImages(engine, request)), imageUrl, imageView),
  );
  app.get(path, (request, reply) => {
    const reference = param(request, 'fingerprint');
    const project = ownerOfImages(engine, request);
    const record = findImage(engine, project, reference);
    // The stock client launches only what it has seen: a recipe is an image that is yet to be
    // built.
    if (record === undefined) {
      return syncBody(recipeView(getImageRecipe(engine, project, reference), engine.architecture));
    }
    void reply.header('ETag', etagOf(writablePart(record)));
    return syncBody(imageView(record));
  });
  app.put(path, async (request) => change(context, request, 'replace'));
  app.patch(path, async (request) => change(context, request, 'merge'));
  app.delete(path, (request, reply) => {
    const { project, fingerprint } = find(engine, request);
    const operation = context.operations.start({
      description: 'Deleting image',
      resources: { images: [imageUrl({ project, fingerprint })] },
      work: async (work) => {
        await deleteImage(engine, { project, fingerprint }, work);
        return undefined;
      },
    });
    return accepted(reply, operation.render());
  });
  app.post(`${path}/refresh`, (request, reply) => {
    const { project, fingerprint } = find(engine, request);
    const operation = context.operations.start({
      description: 'Refreshing image',
      resources: { images: [imageUrl({ project, fingerprint })] },
      cancellable: true,
      work: async (work) => ({ refreshed: await refreshImage(engine, project, fingerprint, work) }),
    });
    return accepted(reply, operation.render());
  });
}

/** The image that the path of a request names. */
function find(engine: EngineDeps, request: FastifyRequest): ImageRecord {
  return getImage(engine, ownerOfImages(engine, request), param(request, 'fingerprint'));
}

async function change(
  { engine }: DaemonContext,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<null>> {
  const record = find(engine, request);
  const what = `change the image ${record.fingerprint.slice(0, 12)}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const properties = fields.stringMap('properties');
  const isReplaced = how === 'replace';
  const given = {
    properties: isReplaced ? (properties ?? {}) : merged(record, properties),
    public: fields.boolean('public') ?? (isReplaced ? false : undefined),
    autoUpdate: fields.boolean('auto_update') ?? (isReplaced ? false : undefined),
    profiles: fields.strings('profiles'),
    expiresAtMs: fields.time('expires_at'),
  };
  fields.done();
  const ifMatch = header(request, 'if-match');
  updateImage(engine, {
    project: record.project,
    fingerprint: record.fingerprint,
    ...given,
    check: (current) => {
      checkIfMatch(ifMatch, etagOf(writablePart(current)), what.replace('change ', ''));
    },
  });
  return syncBody(null);
}

function merged(
  record: ImageRecord,
  properties: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  return properties === undefined ? undefined : { ...record.properties, ...properties };
}

function writablePart(record: ImageRecord): unknown {
  return [record.public, record.autoUpdate, record.properties];
}
