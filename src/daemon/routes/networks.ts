import { WarrenError } from '../../contract/errors.ts';
import { createNetwork } from '../../engine/networks/create.ts';
import { deleteNetwork } from '../../engine/networks/delete.ts';
import { listLeases } from '../../engine/networks/leases.ts';
import { getNetwork, listNetworks } from '../../engine/networks/list.ts';
import { renameNetwork } from '../../engine/networks/rename.ts';
import { updateNetwork } from '../../engine/networks/update.ts';
import { readJson } from '../http/body.ts';
import { checkIfMatch, etagOf } from '../http/etag.ts';
import { Fields } from '../http/fields.ts';
import { created, syncBody } from '../http/replies.ts';
import { header, param } from '../http/request.ts';
import { networkStateView, networkView } from '../views/networks.ts';
import { listAnswer } from './listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../contract/api/envelope.ts';
import type { NetworkRecord } from '../../engine/types.ts';
import type { DaemonContext } from '../context.ts';

/** `/1.0/networks`. Every answer is sync: the stock client does not wait. */
export function networkRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  const all = '/1.0/networks';
  const url = (name: string): string => `${all}/${encodeURIComponent(name)}`;
  app.get(all, (request) =>
    listAnswer(
      request,
      listNetworks(engine),
      (record) => url(record.name),
      (record) => networkView(engine, record),
    ),
  );
  app.post(all, async (request, reply) => {
    const what = 'create the network';
    const fields = new Fields(what, await readJson(request.raw, what));
    const type = fields.string('type') ?? '';
    const input = {
      name: fields.requiredString('name'),
      description: fields.string('description') ?? '',
      config: fields.stringMap('config') ?? {},
    };
    fields.done();
    if (type !== '' && type !== 'bridge') {
      const why = `the type "${type}" needs root, warren has bridge`;
      throw new WarrenError('unsupported', { what, why });
    }
    await createNetwork(engine, input);
    return created(reply, url(input.name));
  });
  app.get(`${all}/:name`, (request, reply) => {
    const record = getNetwork(engine, param(request, 'name'));
    void reply.header('ETag', etagOf(writablePart(record)));
    return syncBody(networkView(engine, record));
  });
  app.get(`${all}/:name/leases`, async (request) => {
    const { name } = getNetwork(engine, param(request, 'name'));
    return syncBody(await listLeases(engine, name));
  });
  app.get(`${all}/:name/state`, async (request) => {
    const { name } = getNetwork(engine, param(request, 'name'));
    return syncBody(networkStateView(await engine.networks.bridge(name)));
  });
  app.put(`${all}/:name`, async (request) => change(context, request, 'replace'));
  app.patch(`${all}/:name`, async (request) => change(context, request, 'merge'));
  app.post(`${all}/:name`, async (request, reply) => {
    const name = param(request, 'name');
    const what = `rename the network ${name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = fields.requiredString('name');
    fields.done();
    await renameNetwork(engine, name, newName);
    return created(reply, url(newName));
  });
  app.delete(`${all}/:name`, async (request) => {
    await deleteNetwork(engine, param(request, 'name'));
    return syncBody(null);
  });
}

async function change(
  { engine }: DaemonContext,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<null>> {
  const name = param(request, 'name');
  const what = `change the network ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const record = getNetwork(engine, name);
  const config = fields.stringMap('config');
  const description = fields.string('description');
  fields.done();
  const input =
    how === 'replace'
      ? { config: config ?? {}, description: description ?? '' }
      : {
          config: config === undefined ? undefined : { ...record.config, ...config },
          description,
        };
  const ifMatch = header(request, 'if-match');
  await updateNetwork(engine, {
    name,
    ...input,
    check: (current) => {
      checkIfMatch(ifMatch, etagOf(writablePart(current)), `the network ${name}`);
    },
  });
  return syncBody(null);
}

function writablePart({ config, description }: NetworkRecord): unknown {
  return { config, description };
}
