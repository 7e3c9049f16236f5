import { WarrenError } from '../../../contract/errors.ts';
import { ensureImage } from '../../../engine/images/ensure.ts';
import { publishImage } from '../../../engine/images/publish.ts';
import { fetchImage } from '../../../engine/images/remote.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { getSnapshot } from '../../../engine/snapshots/list.ts';
import { parseWebUrl } from '../../../image/download/web.ts';
import { maxJsonBytes, parseJson, readText } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { boundaryOf } from '../../http/multipart.ts';
import { accepted } from '../../http/replies.ts';
import { header, machineOf, projectOfRequest } from '../../http/request.ts';
import { instanceUrl } from '../../views/urls.ts';
import { readCompression } from '../compression-field.ts';
import { ownerOfImages } from './owner.ts';
import { startUpload } from './upload.ts';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { PublishImageInput } from '../../../engine/images/publish.ts';
import type { RemoteImage } from '../../../engine/images/remote.ts';
import type { DaemonContext } from '../../context.ts';

const what = 'create the image';

/** `POST /1.0/images`: JSON says where from; whatever is no JSON is the image itself. */
export function imageCreateRoutes(app: FastifyInstance, context: DaemonContext): void {
  app.post('/1.0/images', async (request, reply) => {
    if (boundaryOf(header(request, 'content-type')) !== undefined) {
      return startUpload(context, request, reply, Buffer.alloc(0));
    }
    const { text, whole } = await readText(request.raw, maxJsonBytes);
    const body = whole ? tryJson(text) : undefined;
    if (body === undefined) return startUpload(context, request, reply, text);
    return startFrom(context, request, reply, new Fields(what, body));
  });
}

function tryJson(text: Buffer): unknown {
  try {
    return parseJson(text.toString('utf8'));
  } catch {
    return undefined;
  }
}

function startFrom(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
  fields: Fields,
): AsyncResponse {
  const source = fields.object('source');
  if (source === undefined) fields.issue('source', 'is missing');
  fields.done();
  const type = source?.string('type') ?? '';
  if (source === undefined || type === '') {
    source?.issue('type', 'is missing');
    fields.done();
  } else if (type === 'image' || type === 'url') {
    const remote = type === 'url' ? readUrl(source) : readRemote(source);
    return startEnsure(context, request, reply, fields, remote);
  } else if (type === 'instance' || type === 'container' || type === 'snapshot') {
    return startPublish(context, request, reply, fields, source);
  }
  throw new WarrenError('unsupported', {
    what,
    why: `warren makes no images from the source "${type}" yet`,
  });
}

/**
 * Fetches an image of a server, or that of a URL, builds a recipe, or finds that the image is here.
 */
function startEnsure(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
  fields: Fields,
  remote: RemoteImage,
): AsyncResponse {
  const { engine } = context;
  const { server, reference } = remote;
  const project = ownerOfImages(engine, request);
  const input = {
    project,
    remote,
    filename: fileName(fields),
    public: fields.boolean('public') ?? false,
    autoUpdate: fields.boolean('auto_update') ?? false,
    cached: false,
    aliases: readAliases(fields),
    properties: fields.stringMap('properties'),
    profiles: fields.strings('profiles'),
  };
  fields.done();
  const operation = context.operations.start({
    description: 'Downloading image',
    resources: {},
    cancellable: true,
    work: async (work) => {
      const { fingerprint, sizeBytes } =
        server === ''
          ? await ensureImage(engine, project, reference, work)
          : await fetchImage(engine, input, work);
      return { fingerprint, size: String(sizeBytes) };
    },
  });
  return accepted(reply, operation.render());
}

function readRemote(source: Fields): RemoteImage {
  const alias = source.string('alias') ?? '';
  // The stock client puts the alias into `fingerprint`.
  const reference = alias === '' ? (source.string('fingerprint') ?? '') : alias;
  if (reference === '') source.issue('alias', 'is missing');
  const [server, protocol] = [source.string('server') ?? '', source.string('protocol') ?? ''];
  return { server, protocol, reference };
}

function readUrl(source: Fields): RemoteImage {
  const url = source.requiredString('url');
  source.done();
  return { server: parseWebUrl(url).origin, protocol: 'direct', reference: url };
}

/** The file name that was asked for, without directories. */
function fileName(fields: Fields): string | undefined {
  const name = (fields.string('filename') ?? '').replace(/.*\//, '').slice(0, 255);
  return name === '' ? undefined : name;
}

function readAliases(fields: Fields): PublishImageInput['aliases'] {
  return (fields.list('aliases') ?? []).map((alias) => ({
    name: alias.requiredString('name'),
    description: alias.string('description') ?? '',
  }));
}

function startPublish(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
  fields: Fields,
  source: Fields,
): AsyncResponse {
  const { engine } = context;
  const [own = '', snapshot] = source.requiredString('name').split('/');
  const instance = machineOf(request, own);
  const aliases = readAliases(fields);
  const project = projectOfRequest(request);
  const input: PublishImageInput = {
    project: ownerOfImages(engine, request),
    instance,
    snapshot,
    // Ours: stock clients stop and start the machine themselves.
    force: source.boolean('force'),
    properties: fields.stringMap('properties'),
    profiles: fields.strings('profiles'),
    filename: fileName(fields),
    public: fields.boolean('public') ?? false,
    expiresAtMs: fields.time('expires_at') ?? undefined,
    compression: readCompression(fields, engine, project, 'images.compression_algorithm'),
    aliases,
  };
  fields.done();
  getInstance(engine, instance);
  if (snapshot !== undefined) getSnapshot(engine, instance, snapshot);
  const operation = context.operations.start({
    description: 'Publishing image',
    resources: { instances: [instanceUrl(instance)] },
    cancellable: true,
    work: async (work) => {
      const { fingerprint, sizeBytes } = await publishImage(engine, input, work);
      return { fingerprint, size: String(sizeBytes) };
    },
  });
  return accepted(reply, operation.render());
}
