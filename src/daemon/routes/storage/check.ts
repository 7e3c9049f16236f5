import { checkStorage } from '../../../engine/storage-check/check.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { accepted } from '../../http/replies.ts';

import type { FastifyInstance } from 'fastify';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/warren/storage-check`. */
export function storageCheckRoutes(app: FastifyInstance, context: DaemonContext): void {
  app.post('/1.0/warren/storage-check', async (request, reply) => {
    const what = 'check the storage';
    const fields = new Fields(what, await readJson(request.raw, what));
    const repair = fields.boolean('repair') ?? false;
    fields.done();
    const operation = context.operations.start({
      description: repair ? 'Checking and mending the storage' : 'Checking the storage',
      resources: {},
      cancellable: true,
      work: async (work) => {
        const isBusy = (): boolean =>
          context.operations
            .list()
            .some((one) => one.id !== work.id && !one.isFinal && one.spec.class !== 'websocket');
        return { report: await checkStorage(context.engine, { repair, isBusy }, work) };
      },
    });
    return accepted(reply, operation.render());
  });
}
