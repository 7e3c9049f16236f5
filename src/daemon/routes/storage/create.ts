import { nameIn } from '../../../base/names.ts';
import { WarrenError } from '../../../contract/errors.ts';
import { getProject } from '../../../engine/projects/list.ts';
import { copyVolume } from '../../../engine/volumes/copy.ts';
import { createVolume } from '../../../engine/volumes/create.ts';
import { getVolume, getVolumeSnapshot } from '../../../engine/volumes/list.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { accepted, created } from '../../http/replies.ts';
import { header, projectOfRequest } from '../../http/request.ts';
import { volumeUrl } from '../../views/volumes.ts';
import { startVolumeImport } from './import.ts';
import { ownerOfVolumes, volumeOf } from './named.ts';

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse, SyncResponse } from '../../../contract/api/envelope.ts';
import type { DaemonContext } from '../../context.ts';

const what = 'create the storage volume';

/** `POST …/volumes/custom`: an empty volume is sync, a copy an operation. */
export async function postVolume(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<SyncResponse<null> | AsyncResponse> {
  const { engine } = context;
  if (header(request, 'content-type') === 'application/octet-stream') {
    return await startVolumeImport(context, request, reply);
  }
  const fields = new Fields(what, await readJson(request.raw, what));
  const name = volumeOf(engine, request, fields.requiredString('name'));
  const description = fields.string('description');
  const config = fields.stringMap('config');
  const type = fields.string('type') ?? '';
  const content = fields.string('content_type') ?? '';
  const source = fields.object('source');
  const sourceType = source?.string('type') ?? '';
  const from = source?.string('name') ?? '';
  const pool = source?.string('pool') ?? '';
  const fromProject = source?.string('project') ?? '';
  const volumeOnly = source?.boolean('volume_only') ?? false;
  const isRefresh = source?.boolean('refresh') ?? false;
  fields.done();
  if (type !== '' && type !== 'custom') {
    throw new WarrenError('unsupported', { what, why: `"${type}" volumes belong to others` });
  }
  if (content !== '' && content !== 'filesystem') {
    const why = `content of the type "${content}" is for virtual machines`;
    throw new WarrenError('unsupported', { what, why });
  }
  if (sourceType === '' || sourceType === 'none') {
    await createVolume(engine, {
      name,
      description: description ?? '',
      config: config ?? {},
    });
    return created(reply, volumeUrl(name));
  }
  if (sourceType !== 'copy') {
    throw new WarrenError('unsupported', { what, why: 'volumes do not come from other servers' });
  }
  if (isRefresh) throw new WarrenError('unsupported', { what, why: 'copies are not refreshed' });
  if (pool !== '' && pool !== 'default') {
    throw new WarrenError('not_found', { kind: 'storage pool', name: pool });
  }
  const [called = '', snapshot] = from.split('/');
  const at = fromProject === '' ? projectOfRequest(request) : getProject(engine, fromProject).name;
  const volume = nameIn(ownerOfVolumes(engine, at), called);
  const origin = getVolume(engine, volume);
  if (snapshot !== undefined) getVolumeSnapshot(engine, origin, snapshot);
  const operation = context.operations.start({
    description: 'Copying storage volume',
    cancellable: true,
    resources: { storage_volumes: [volumeUrl(name)] },
    work: async (work) => {
      const input = { name, description, config, source: volume, snapshot, volumeOnly };
      await copyVolume(engine, input, work);
      return undefined;
    },
  });
  return accepted(reply, operation.render());
}
