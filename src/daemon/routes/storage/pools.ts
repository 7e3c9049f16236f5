import { statfs } from 'node:fs/promises';

import { WarrenError } from '../../../contract/errors.ts';
import { listImages } from '../../../engine/images/list.ts';
import { listInstances } from '../../../engine/instances/list.ts';
import { listProfiles } from '../../../engine/profiles/list.ts';
import { listVolumes } from '../../../engine/volumes/list.ts';
import { syncBody } from '../../http/replies.ts';
import { param } from '../../http/request.ts';
import { imageUrl, instanceUrl, profileUrl } from '../../views/urls.ts';
import { volumeUrl } from '../../views/volumes.ts';
import { listAnswer } from '../listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { StoragePool } from '../../../contract/api/storage-pools.ts';
import type { EngineDeps } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/storage-pools`: there is one, `default`, which is warren's layer store. */
export function storagePoolRoutes(app: FastifyInstance, { engine }: DaemonContext): void {
  const all = '/1.0/storage-pools';
  app.get(all, (request) =>
    listAnswer(
      request,
      ['default'],
      (name) => `${all}/${name}`,
      () => poolView(engine),
    ),
  );
  app.get(`${all}/:pool`, (request) => {
    checkPool(request);
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
  for (const method of ['PUT', 'PATCH', 'POST', 'DELETE'] as const) {
    app.route({
      method,
      url: `${all}/:pool`,
      handler: (request) => {
        checkPool(request);
        const verb = method === 'DELETE' ? 'delete' : method === 'POST' ? 'rename' : 'change';
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

function poolView(engine: EngineDeps): StoragePool {
  return {
    name: 'default',
    description: 'Layers, images and files of machines',
    driver: 'overlay',
    status: 'Created',
    locations: ['none'],
    config: { source: engine.paths.dataDir, 'warren.tier': engine.storage.tier },
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
