import { WarrenError } from '../../../contract/errors.ts';
import { listImages } from '../../../engine/images/list.ts';
import { nameIn } from '../../../base/names.ts';
import { listInstances } from '../../../engine/instances/list.ts';
import { getProject, instancesOf } from '../../../engine/projects/list.ts';
import { deleteVolume } from '../../../engine/volumes/delete.ts';
import { getVolume, listVolumes, volumeUsers } from '../../../engine/volumes/list.ts';
import { renameVolume } from '../../../engine/volumes/rename.ts';
import { restoreVolume } from '../../../engine/volumes/snapshots.ts';
import { updateVolume } from '../../../engine/volumes/update.ts';
import { volumeSize } from '../../../engine/volumes/validate.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { created, syncBody } from '../../http/replies.ts';
import { header, param, projectOfRequest, wantsAllProjects } from '../../http/request.ts';
import { withProject } from '../../views/urls.ts';
import {
  imageVolumeView,
  instanceVolumeView,
  poolsUrl,
  snapshotAsVolumeView,
  volumeUrl,
  volumeView,
} from '../../views/volumes.ts';
import { ownerOfImages } from '../images/owner.ts';
import { ownerOfVolumes, volumeOf } from './named.ts';
import { listAnswer } from '../listing.ts';
import { postVolume } from './create.ts';
import { checkPool } from './pools.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../../contract/api/envelope.ts';
import type { StorageVolume } from '../../../contract/api/storage-pools.ts';
import type { EngineDeps, VolumeRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

const all = `${poolsUrl}/:pool/volumes`;
const one = `${all}/custom/:name`;
/** LXD's kinds of volumes; only custom ones are made and changed as such. */
const types = ['custom', 'container', 'image', 'virtual-machine'] as const;

/** `/1.0/storage-pools/default/volumes`. All but copies and snapshots is sync, as in LXD. */
export function volumeRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  app.get(all, (request) => {
    checkPool(request);
    return answer(request, allVolumes(engine, request));
  });
  for (const type of types) {
    app.get(`${all}/${type}`, (request) => {
      checkPool(request);
      const isOne = (volume: StorageVolume): boolean => !volume.name.includes('/');
      return answer(
        request,
        allVolumes(engine, request).filter((volume) => volume.type === type && isOne(volume)),
      );
    });
    if (type === 'custom') continue;
    app.get(`${all}/${type}/:name`, (request) => {
      checkPool(request);
      const name = param(request, 'name');
      const found = allVolumes(engine, request).find(
        (each) => each.type === type && each.name === name,
      );
      if (found === undefined) throw new WarrenError('not_found', { kind: 'storage volume', name });
      return syncBody(found);
    });
  }
  for (const url of [`${all}/:type`, `${all}/:type/*`]) {
    // Whatever is wanted of it: what has a type of its own above comes first.
    app.all(url, (request, reply) => {
      checkPool(request);
      const type = param(request, 'type');
      if (types.some((known) => known === type)) {
        reply.callNotFound();
        return reply;
      }
      const problem = `"${type.slice(0, 80)}" is none, wanted ${types.join(', ')}`;
      const issues = [{ path: 'type', problem }];
      throw new WarrenError('invalid', { what: 'find the storage volume', issues });
    });
  }
  for (const url of [all, `${all}/custom`]) {
    app.post(url, (request, reply) => {
      checkPool(request);
      return postVolume(context, request, reply);
    });
  }
  app.get(one, (request, reply) => {
    const record = find(engine, request);
    void reply.header('ETag', etagOf(writablePart(record)));
    return syncBody(volumeView(record, volumeUsers(engine)(record.name)));
  });
  app.get(`${one}/state`, async (request) => {
    const record = find(engine, request);
    const used = await engine.storage.volumes.size(record.tree);
    return syncBody({ usage: { used, total: volumeSize(record) ?? 0 } });
  });
  app.put(one, (request) => change(context, request, 'replace'));
  app.patch(one, (request) => change(context, request, 'merge'));
  app.post(one, async (request, reply) => {
    const { name } = find(engine, request);
    const what = `rename the storage volume ${name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = fields.requiredString('name');
    const pool = fields.string('pool') ?? '';
    const project = fields.string('project') ?? '';
    if (fields.boolean('migration') === true) throw noMigration(what);
    fields.done();
    if (pool !== '' && pool !== 'default') {
      throw new WarrenError('not_found', { kind: 'storage pool', name: pool });
    }
    const target = project === '' ? projectOfRequest(request) : getProject(engine, project).name;
    const named = nameIn(ownerOfVolumes(engine, target), newName);
    await renameVolume(engine, name, named);
    return created(reply, volumeUrl(named));
  });
  app.delete(one, async (request) => {
    await deleteVolume(engine, find(engine, request).name);
    return syncBody(null);
  });
}

/** The volume that the path of a request names. */
function find(engine: EngineDeps, request: FastifyRequest): VolumeRecord {
  checkPool(request);
  return getVolume(engine, volumeOf(engine, request));
}

function noMigration(what: string): WarrenError {
  return new WarrenError('unsupported', { what, why: 'volumes are not sent to other servers' });
}

async function change(
  { engine }: DaemonContext,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<null>> {
  const record = find(engine, request);
  const { name } = record;
  const what = `change the storage volume ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const config = fields.stringMap('config');
  const description = fields.string('description');
  const restore = fields.string('restore') ?? '';
  fields.done();
  if (restore !== '') {
    await restoreVolume(engine, name, restore, { signal: new AbortController().signal });
    return syncBody(null);
  }
  const ifMatch = header(request, 'if-match');
  updateVolume(engine, {
    name,
    ...(how === 'replace'
      ? { config: config ?? {}, description: description ?? '' }
      : { config: config && { ...record.config, ...config }, description }),
    check: (current) => {
      checkIfMatch(ifMatch, etagOf(writablePart(current)), `the storage volume ${name}`);
    },
  });
  return syncBody(null);
}

function writablePart({ config, description }: VolumeRecord): unknown {
  return { config, description };
}

/** Those of machines are their project's, those of images and custom ones may be. */
function allVolumes(engine: EngineDeps, request: FastifyRequest): StorageVolume[] {
  const project = wantsAllProjects(request) ? '*' : projectOfRequest(request);
  const users = volumeUsers(engine);
  return [
    ...listVolumes(engine, project === '*' ? undefined : ownerOfVolumes(engine, project)).flatMap(
      (record) => [
        volumeView(record, users(record.name)),
        ...engine.store.volumes
          .snapshots(record.id)
          .map((snapshot) => snapshotAsVolumeView(record.name, snapshot)),
      ],
    ),
    ...(project === '*' ? listInstances(engine) : instancesOf(engine, project)).map(
      instanceVolumeView,
    ),
    ...listImages(engine, project === '*' ? undefined : ownerOfImages(engine, request)).map(
      imageVolumeView,
    ),
  ];
}

function answer(
  request: FastifyRequest,
  volumes: readonly StorageVolume[],
): SyncResponse<readonly unknown[]> {
  const url = ({ type, name, project }: StorageVolume): string => {
    const [volume = '', snapshot] = name.split('/');
    const own = `${poolsUrl}/default/volumes/${type}/${encodeURIComponent(volume)}`;
    const path = snapshot === undefined ? own : `${own}/snapshots/${encodeURIComponent(snapshot)}`;
    return withProject(path, project);
  };
  return listAnswer(request, volumes, url, (volume) => volume);
}
