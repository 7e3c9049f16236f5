import { machineName } from '../../../base/names.ts';
import { WarrenError } from '../../../contract/errors.ts';
import { createInstance } from '../../../engine/instances/create.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { chooseInstanceName } from '../../../engine/instances/names.ts';
import { refreshInstance } from '../../../engine/instances/refresh.ts';
import { startInstance } from '../../../engine/instances/start.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { header, projectOfRequest } from '../../http/request.ts';
import { startImport } from './import.ts';
import { startWarnings } from './start-warnings.ts';
import { instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { CopySource } from '../../../engine/instances/copy.ts';
import type { CreateInstanceInput, CreateSource } from '../../../engine/instances/create.ts';
import type { DaemonContext } from '../../context.ts';

const what = 'create the instance';

/** `POST /1.0/instances`. */
export function instanceCreateRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    app.post(`/1.0/${tree}`, async (request, reply) => {
      if (header(request, 'content-type') === 'application/octet-stream') {
        return await startImport(context, request, reply);
      }
      const fields = new Fields(what, await readJson(request.raw, what));
      const start = fields.boolean('start') ?? false;
      const project = projectOfRequest(request);
      const input = readInput(fields, project, () => chooseInstanceName(engine, project));
      if (input.source.type === 'copy') {
        getInstance(engine, input.source.instance);
        const refresh = fields.object('source')?.boolean('refresh') ?? false;
        if (refresh && engine.store.instances.find(input.name) !== undefined) {
          return startRefresh(context, reply, input.name, input.source);
        }
      }
      return startOn(context, reply, input.name, {
        description: 'Creating instance',
        cancellable: true,
        work: async (work) => {
          const { frozenMs } = await createInstance(engine, input, work);
          const made = frozenMs === undefined ? undefined : { frozen_ms: frozenMs };
          if (!start) return made;
          await startInstance(engine, { name: input.name }, work);
          return { ...made, ...startWarnings(engine, [input.name]) };
        },
      });
    });
  }
}

/** What is there already is brought up to date; its settings are the client's to change. */
function startRefresh(
  context: DaemonContext,
  reply: FastifyReply,
  name: string,
  source: CopySource,
): AsyncResponse {
  return startOn(context, reply, name, {
    description: 'Refreshing instance',
    cancellable: true,
    work: async (work) => {
      await refreshInstance(context.engine, { name, source }, work);
      return undefined;
    },
  });
}

function readInput(fields: Fields, project: string, chooseName: () => string): CreateInstanceInput {
  const type = fields.string('type') ?? '';
  if (type !== '' && type !== 'container') {
    throw new WarrenError('unsupported', { what, why: `"${type}" is no type warren has` });
  }
  const instanceType = fields.string('instance_type') ?? '';
  if (instanceType !== '') {
    fields.issue('instance_type', 'cloud instance types are not known, wanted limits.* keys');
  }
  if (fields.boolean('stateful') === true) {
    throw new WarrenError('unsupported', {
      what,
      why: 'state in memory cannot be kept without root',
    });
  }
  const name = fields.string('name') ?? '';
  const input = {
    description: fields.string('description') ?? '',
    config: fields.stringMap('config') ?? {},
    devices: fields.deviceMap('devices') ?? {},
    ephemeral: fields.boolean('ephemeral') ?? false,
    profiles: fields.strings('profiles'),
    source: readSource(fields, project),
  };
  fields.done();
  return { ...input, name: name === '' ? chooseName() : machineName(project, name) };
}

/** Anything but an object with a type warren knows is an issue of `fields`. */
function readSource(fields: Fields, project: string): CreateSource {
  const source = fields.object('source');
  const type = source?.string('type') ?? '';
  if (source === undefined) {
    fields.issue('source', 'is missing');
  } else if (type === 'none') {
    return { type };
  } else if (type === 'copy') {
    const [instance = '', snapshot, ...rest] = source.requiredString('source').split('/');
    if (rest.length > 0) source.issue('source', 'wanted INSTANCE or INSTANCE/SNAPSHOT');
    const instanceOnly =
      source.boolean('instance_only') ?? source.boolean('container_only') ?? false;
    const from = source.string('project') ?? '';
    const machine = machineName(from === '' ? project : from, instance);
    return { type, instance: machine, snapshot, instanceOnly };
  } else if (type === 'image') {
    return readImageSource(source);
  } else if (type === 'migration') {
    throw new WarrenError('unsupported', {
      what,
      why: 'copies between servers are not supported by warren yet',
    });
  } else {
    source.issue('type', `"${type}" is no source, wanted image, copy or none`);
  }
  return { type: 'none' };
}

function readImageSource(source: Fields): CreateSource {
  const server = source.string('server') ?? '';
  const alias = source.string('alias') ?? '';
  const fingerprint = source.string('fingerprint') ?? '';
  if (server !== '' && alias + fingerprint !== '') {
    const reference = alias === '' ? fingerprint : alias;
    const protocol = source.string('protocol') ?? '';
    return { type: 'image', remote: { server, protocol, reference } };
  }
  if (alias !== '') return { type: 'image', alias };
  if (fingerprint !== '') return { type: 'image', fingerprint };
  const properties = source.stringMap('properties');
  if (properties !== undefined) return { type: 'image', properties };
  source.issue('', 'names no image, wanted alias, fingerprint or properties');
  return { type: 'none' };
}
