import { nameIn, ownNameOf } from '../../base/names.ts';
import { createProfile } from '../../engine/profiles/create.ts';
import { deleteProfile } from '../../engine/profiles/delete.ts';
import { getProfile, listProfiles } from '../../engine/profiles/list.ts';
import { renameProfile } from '../../engine/profiles/rename.ts';
import { updateProfile } from '../../engine/profiles/update.ts';
import { ownerOfFeature } from '../../engine/projects/features.ts';
import { readJson } from '../http/body.ts';
import { checkIfMatch, etagOf } from '../http/etag.ts';
import { Fields } from '../http/fields.ts';
import { created, syncBody } from '../http/replies.ts';
import { header, param, projectOfRequest } from '../http/request.ts';
import { profileUrl } from '../views/urls.ts';
import { profileView } from '../views/profiles.ts';
import { listAnswer } from './listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../contract/api/envelope.ts';
import type { EngineDeps, ProfileRecord } from '../../engine/types.ts';
import type { DaemonContext } from '../context.ts';

/** `/1.0/profiles`. Every answer is sync: the stock client does not wait. */
export function profileRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  const all = '/1.0/profiles';
  const named = (request: FastifyRequest, name: string): string =>
    nameIn(ownerOf(engine, request), name);
  app.get(all, (request) =>
    listAnswer(
      request,
      listProfiles(engine, ownerOf(engine, request)),
      (record) => profileUrl(record.name),
      (record) => profileView(engine, record),
    ),
  );
  app.post(all, async (request, reply) => {
    const what = 'create the profile';
    const fields = new Fields(what, await readJson(request.raw, what));
    const input = {
      name: named(request, fields.requiredString('name')),
      description: fields.string('description') ?? '',
      config: fields.stringMap('config') ?? {},
      devices: fields.deviceMap('devices') ?? {},
    };
    fields.done();
    createProfile(engine, input);
    return created(reply, profileUrl(input.name));
  });
  app.get(`${all}/:name`, (request, reply) => {
    const record = getProfile(engine, named(request, param(request, 'name')));
    void reply.header('ETag', etagOf(writablePart(record)));
    return syncBody(profileView(engine, record));
  });
  app.put(`${all}/:name`, async (request) => change(context, request, 'replace'));
  app.patch(`${all}/:name`, async (request) => change(context, request, 'merge'));
  app.post(`${all}/:name`, async (request, reply) => {
    const name = named(request, param(request, 'name'));
    const what = `rename the profile ${name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = named(request, fields.requiredString('name'));
    fields.done();
    renameProfile(engine, name, newName);
    return created(reply, profileUrl(newName));
  });
  app.delete(`${all}/:name`, (request) => {
    deleteProfile(engine, named(request, param(request, 'name')));
    return syncBody(null);
  });
}

/** The project whose profiles a request is about. */
function ownerOf(engine: EngineDeps, request: FastifyRequest): string {
  return ownerOfFeature(engine, projectOfRequest(request), 'features.profiles');
}

async function change(
  { engine }: DaemonContext,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<{ readonly warnings: readonly string[] } | null>> {
  const name = nameIn(ownerOf(engine, request), param(request, 'name'));
  const what = `change the profile ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const record = getProfile(engine, name);
  const config = fields.stringMap('config');
  const devices = fields.deviceMap('devices');
  const description = fields.string('description');
  fields.done();
  const input =
    how === 'replace'
      ? { config: config ?? {}, devices: devices ?? {}, description: description ?? '' }
      : {
          config: config === undefined ? undefined : { ...record.config, ...config },
          devices: devices === undefined ? undefined : { ...record.devices, ...devices },
          description,
        };
  const ifMatch = header(request, 'if-match');
  const { waiting } = await updateProfile(engine, {
    name,
    ...input,
    check: (current) => {
      checkIfMatch(ifMatch, etagOf(writablePart(current)), `the profile ${name}`);
    },
  });
  if (waiting.keys.length === 0) return syncBody(null);
  const machines = waiting.machines.map(ownNameOf).join(', ');
  const change = `the change of ${waiting.keys.join(', ')}`;
  return syncBody({ warnings: [`${change} takes effect at the next start of ${machines}`] });
}

function writablePart({ config, description, devices }: ProfileRecord): unknown {
  return { config, description, devices };
}
