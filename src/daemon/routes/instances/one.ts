import { machineName, ownNameOf, projectOf } from '../../../base/names.ts';
import { WarrenError } from '../../../contract/errors.ts';
import { deleteInstance, refuseProtected } from '../../../engine/instances/delete.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { renameInstance } from '../../../engine/instances/rename.ts';
import { statusOf } from '../../../engine/instances/state.ts';
import { updateInstance } from '../../../engine/instances/update.ts';
import { getProject } from '../../../engine/projects/list.ts';
import { getSnapshot } from '../../../engine/snapshots/list.ts';
import { restoreSnapshot } from '../../../engine/snapshots/restore.ts';
import { unattended, type InstanceRecord } from '../../../engine/types.ts';
import { readJson } from '../../http/body.ts';
import { checkIfMatch, etagOf } from '../../http/etag.ts';
import { Fields } from '../../http/fields.ts';
import { syncBody } from '../../http/replies.ts';
import { header, param, query, recursionOf } from '../../http/request.ts';
import { whileConnected } from '../../http/waiting.ts';
import { instanceFullView, instanceView, writablePart } from '../../views/instances.ts';
import { instanceResources, instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { UpdateInstanceInput } from '../../../engine/instances/update.ts';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/instances/NAME`. */
export function instanceRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const path = `/1.0/${tree}/:name`;
    app.get(path, async (request, reply) => {
      const record = getInstance(engine, param(request, 'name'));
      void reply.header('ETag', etagOf(writablePart(record)));
      const isFull = recursionOf(request) > 0;
      return syncBody(
        isFull ? await instanceFullView(engine, record) : instanceView(engine, record),
      );
    });
    app.put(path, async (request, reply) => {
      const name = param(request, 'name');
      const fields = await readFields(request, name);
      const restore = fields.string('restore') ?? '';
      if (restore !== '') return startRestore(context, reply, name, restore, fields);
      return startUpdate(context, request, reply, {
        ...readUpdate(name, fields),
        config: fields.stringMap('config') ?? {},
        devices: fields.deviceMap('devices') ?? {},
        profiles: fields.strings('profiles') ?? [],
        ephemeral: fields.boolean('ephemeral') ?? false,
        description: fields.string('description') ?? '',
      });
    });
    // Unlike PUT, LXD answers this one when it is done.
    app.patch(path, async (request) => {
      const name = param(request, 'name');
      const fields = await readFields(request, name);
      const update = { ...readUpdate(name, fields), mode: 'merge' as const };
      using connected = whileConnected(request);
      const work = { ...unattended, signal: connected.signal };
      await updateInstance(engine, { ...update, check: checkOf(request, name) }, work);
      return syncBody(null);
    });
    app.post(path, async (request, reply) => startRename(context, request, reply));
    app.delete(path, (request, reply) => {
      const record = getInstance(engine, param(request, 'name'));
      // Before its state: who hears that it runs stops it, and would learn of this afterwards.
      refuseProtected(engine, record);
      const force = ['1', 'true'].includes(query(request, 'force') ?? '');
      const status = statusOf(engine, record);
      if (!force && status !== 'Stopped') {
        throw new WarrenError('wrong_state', {
          name: record.name,
          action: 'delete',
          state: status.toLowerCase(),
          wanted: 'stopped',
          hint: `warren delete --force ${record.name}`,
        });
      }
      return startOn(context, reply, record.name, {
        description: 'Deleting instance',
        work: async (work) => {
          await deleteInstance(engine, { name: record.name, force }, work);
          return undefined;
        },
      });
    });
  }
}

async function readFields(request: FastifyRequest, name: string): Promise<Fields> {
  const what = `change ${name}`;
  return new Fields(what, await readJson(request.raw, what));
}

/** The fields that are given; `architecture` and the read-only ones are not looked at. */
function readUpdate(name: string, fields: Fields): UpdateInstanceInput {
  const input = {
    name,
    description: fields.string('description'),
    config: fields.stringMap('config'),
    devices: fields.deviceMap('devices'),
    profiles: fields.strings('profiles'),
    ephemeral: fields.boolean('ephemeral'),
  };
  fields.done();
  return input;
}

function startUpdate(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
  input: UpdateInstanceInput,
): AsyncResponse {
  const { engine } = context;
  const check = checkOf(request, input.name);
  check(getInstance(engine, input.name));
  return startOn(context, reply, input.name, {
    description: 'Updating instance',
    cancellable: true,
    work: async (work) => {
      const { waiting } = await updateInstance(engine, { ...input, check }, work);
      if (waiting.length === 0) return undefined;
      const what = `${waiting.join(', ')} of ${input.name}`;
      return { warnings: [`the change of ${what} takes effect at the next start`] };
    },
  });
}

/** Throws `stale` for a machine that has changed since the client read it. */
function checkOf(request: FastifyRequest, name: string): (current: InstanceRecord) => void {
  const ifMatch = header(request, 'if-match');
  return (current) => {
    checkIfMatch(ifMatch, etagOf(writablePart(current)), name);
  };
}

function startRestore(
  context: DaemonContext,
  reply: FastifyReply,
  name: string,
  restore: string,
  fields: Fields,
): AsyncResponse {
  const { engine } = context;
  if (fields.boolean('stateful') === true) {
    const why = 'snapshots hold no state in memory';
    throw new WarrenError('unsupported', { what: `restore ${name}`, why });
  }
  fields.done();
  const own = `${ownNameOf(name)}/`;
  const snapshot = restore.startsWith(own) ? restore.slice(own.length) : restore;
  getInstance(engine, name);
  getSnapshot(engine, name, snapshot);
  return startOn(context, reply, name, {
    description: 'Restoring snapshot',
    work: async (work) => {
      const { restarted } = await restoreSnapshot(engine, { instance: name, name: snapshot }, work);
      return restarted ? { restarted } : undefined;
    },
  });
}

async function startRename(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<AsyncResponse> {
  const { engine } = context;
  const name = param(request, 'name');
  const what = `rename ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const wanted = fields.string('name') ?? '';
  const isMove = fields.boolean('migration') ?? false;
  const pool = fields.string('pool') ?? '';
  const project = fields.string('project') ?? '';
  fields.done();
  getInstance(engine, name);
  if (pool !== '' && pool !== 'default') {
    throw new WarrenError('not_found', { kind: 'storage pool', name: pool });
  }
  const target = project === '' ? projectOf(name) : project;
  getProject(engine, target);
  const newName = machineName(target, wanted === '' ? ownNameOf(name) : wanted);
  if (isMove && pool === '' && project === '') {
    const why = 'moving machines between servers is not supported by warren yet';
    throw new WarrenError('unsupported', { what: `move ${name}`, why });
  }
  const isSame = newName === name;
  if (isSame && !isMove) {
    fields.issue('name', wanted === '' ? 'is missing' : `it is named ${ownNameOf(name)} already`);
    fields.done();
  }
  return startOn(context, reply, name, {
    description: 'Renaming instance',
    resources: instanceResources(isSame ? [name] : [name, newName]),
    work: async (work) => {
      if (!isSame) await renameInstance(engine, { name, newName }, work);
      return undefined;
    },
  });
}
