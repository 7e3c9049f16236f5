import { statfs } from 'node:fs/promises';

import { WarrenError } from '../../../contract/errors.ts';
import { listImages } from '../../../engine/images/list.ts';
import { listInstances } from '../../../engine/instances/list.ts';
import { listProfiles } from '../../../engine/profiles/list.ts';
import { getStoragePool, updateStoragePool } from '../../../engine/storage-pools/pool.ts';
import { listVolumes } from '../../../engine/volumes/list.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { syncBody } from '../../http/replies.ts';
import { header, param } from '../../http/request.ts';
import { imageUrl, instanceUrl, profileUrl } from '../../views/urls.ts';
import { volumeUrl } from '../../views/volumes.ts';
import { listAnswer } from '../listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../../contract/api/envelope.ts';
import type { StoragePool } from '../../../contract/api/storage-pools.ts';
import type { EngineDeps, StoragePoolRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

/**
 * `/1.0/storage-pools`: there is one, `default`, which is warren's layer store. Answers are sync.
 */
export function storagePoolRoutes(app: FastifyInstance, { engine }: DaemonContext): void {
  const all = '/1.0/storage-pools';
  const one = `${all}/:pool`;
  app.get(all, (request) =>
    listAnswer(
      request,
      ['default'],
      (name) => `${all}/${name}`,
      () => poolView(engine),
    ),
  );
  app.get(one, (request, reply) => {
    const record = getStoragePool(engine, param(request, 'pool'));
    void reply.header('ETag', etagOf(writablePart(record)));
    return syncBody(poolView(engine));
  });
  app.get(`${all}/:pool/resources`, async (request) => {
    checkPool(request);
    const { blocks, bfree, bsize, files, ffree } = await statfs(engine.paths.dataDir);
    return syncBody({
      space: { used: (blocks - bfree) * bsize, total: blocks * bsize },
      inodes: { used: files - ffree, total: files },
    });
  });
  const why = 'warren keeps everything in its own layer store';
  app.post(all, () => {
    throw new WarrenError('unsupported', { what: 'create a storage pool', why });
  });
  app.put(one, (request) => change(engine, request, 'replace'));
  app.patch(one, (request) => change(engine, request, 'merge'));
  for (const method of ['POST', 'DELETE'] as const) {
    app.route({
      method,
      url: one,
      handler: (request) => {
        checkPool(request);
        const verb = method === 'DELETE' ? 'delete' : 'rename';
        throw new WarrenError('unsupported', { what: `${verb} the storage pool`, why });
      },
    });
  }
}

/** Throws `not_found` for every pool but the one there is. */
export function checkPool(request: FastifyRequest): void {
  const name = param(request, 'pool');
  if (name !== 'default') throw new WarrenError('not_found', { kind: 'storage pool', name });
}

async function change(
  engine: EngineDeps,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<null>> {
  const { name, config: present } = getStoragePool(engine, param(request, 'pool'));
  const what = `change the storage pool ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const config = fields.stringMap('config');
  const description = fields.string('description');
  fields.done();
  const ifMatch = header(request, 'if-match');
  updateStoragePool(engine, {
    name,
    ...(how === 'replace'
      ? { config: config ?? {}, description: description ?? '' }
      : { config: config && { ...present, ...config }, description }),
    check: (current) => {
      checkIfMatch(ifMatch, etagOf(writablePart(current)), `the storage pool ${name}`);
    },
  });
  return syncBody(null);
}

function writablePart({ config, description }: StoragePoolRecord): unknown {
  return { config, description };
}

function poolView(engine: EngineDeps): StoragePool {
  const { name, description, config } = getStoragePool(engine, 'default');
  return {
    name,
    description,
    driver: 'overlay',
    status: 'Created',
    locations: ['none'],
    config,
    used_by: [
      ...listInstances(engine).map(({ name }) => instanceUrl(name)),
      ...listImages(engine).map(imageUrl),
      ...listVolumes(engine).map(({ name }) => volumeUrl(name)),
      ...listProfiles(engine)
        .filter(({ devices }) =>
          Object.values(devices).some(({ pool, type }) => type === 'disk' && pool === 'default'),
        )
        .map(({ name }) => profileUrl(name)),
    ],
  };
}
