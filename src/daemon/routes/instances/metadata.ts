import { isUtf8 } from 'node:buffer';

import { WarrenError } from '../../../contract/errors.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import {
  deleteTemplate,
  describeInstance,
  getTemplate,
  setTemplate,
  updateMetadata,
} from '../../../engine/instances/metadata.ts';
import { parseMetadata } from '../../../image/metadata.ts';
import { maxTemplateBytes } from '../../../image/template/parse.ts';
import { readJson, readText } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { syncBody } from '../../http/replies.ts';
import { header, param, query } from '../../http/request.ts';
import { metadataView } from '../../views/metadata.ts';
import { instanceTrees } from './tree.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../../contract/api/envelope.ts';
import type { ImageMetadataView } from '../../../contract/api/instances.ts';
import type { ImageMetadata } from '../../../image/types.ts';
import type { DaemonContext } from '../../context.ts';

/**
 * `/1.0/instances/NAME/metadata`: what the machine has of its image, with the templates of files.
 */
export function instanceMetadataRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const path = `/1.0/${tree}/:name/metadata`;
    app.get(path, (request, reply) => {
      const { metadata } = describeInstance(engine, getInstance(engine, param(request, 'name')));
      const view = metadataView(metadata);
      void reply.header('ETag', etagOf(view));
      return syncBody(view);
    });
    app.put(path, (request) => change(context, request, (_old, body) => body));
    app.patch(path, (request) => change(context, request, merged));

    const templates = `${path}/templates`;
    app.get(templates, (request, reply) => {
      const name = param(request, 'name');
      const template = query(request, 'path') ?? '';
      if (template !== '') {
        const content = getTemplate(engine, name, template);
        return reply.type('application/octet-stream').send(Buffer.from(content));
      }
      const { templateFiles } = describeInstance(engine, getInstance(engine, name));
      return reply.send(syncBody(Object.keys(templateFiles).sort()));
    });
    app.post(templates, async (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      setTemplate(engine, name, templateOf(request), await readTemplate(request));
      return syncBody(null);
    });
    app.delete(templates, (request) => {
      deleteTemplate(engine, param(request, 'name'), templateOf(request));
      return syncBody(null);
    });
  }
}

function templateOf(request: FastifyRequest): string {
  const template = query(request, 'path') ?? '';
  if (template !== '') return template;
  throw invalid('find the template', 'path', 'is missing');
}

async function readTemplate(request: FastifyRequest): Promise<string> {
  const { text, whole } = await readText(request.raw, maxTemplateBytes);
  if (whole && isUtf8(text)) return text.toString('utf8');
  const problem = whole ? 'it is no text' : 'it is longer than 64 KiB';
  throw invalid('write a template', 'body', problem);
}

async function change(
  { engine }: DaemonContext,
  request: FastifyRequest,
  how: (old: ImageMetadataView, body: object) => object,
): Promise<SyncResponse<null>> {
  const { name } = getInstance(engine, param(request, 'name'));
  const what = `change the metadata of ${name}`;
  const body = await readJson(request.raw, what);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid(what, '', 'the body is no object');
  }
  const ifMatch = header(request, 'if-match');
  updateMetadata(engine, name, (old): ImageMetadata => {
    const view = metadataView(old);
    checkIfMatch(ifMatch, etagOf(view), what.replace('change ', ''));
    // JSON is YAML: what is sent is checked as a file of that name is.
    return parseMetadata(Buffer.from(JSON.stringify(how(view, body))), what);
  });
  return syncBody(null);
}

/** As LXD decodes a PATCH over what is there: maps by their keys, all else as a whole. */
function merged(old: ImageMetadataView, body: object): object {
  const isMap = (value: unknown): value is object =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const entries = Object.entries(body).map(([key, value]: [string, unknown]) => {
    const before: unknown = Object.entries(old).find(([name]) => name === key)?.[1];
    return [key, isMap(value) && isMap(before) ? { ...before, ...value } : value];
  });
  return { ...old, ...(Object.fromEntries(entries) as object) };
}

function invalid(what: string, path: string, problem: string): WarrenError {
  return new WarrenError('invalid', { what, issues: [{ path, problem }] });
}
