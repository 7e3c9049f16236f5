import { syncBody } from '../http/replies.ts';
import { param, projectOfRequest, recursionOf, wantsAllProjects } from '../http/request.ts';
import { timeoutOf, whileConnected } from '../http/waiting.ts';

import type { FastifyInstance } from 'fastify';
import type { Operation } from '../../contract/api/operations.ts';
import type { DaemonContext } from '../context.ts';

/** `/1.0/operations`; its websockets are served with the upgrades. */
export function operationRoutes(app: FastifyInstance, { operations }: DaemonContext): void {
  app.get('/1.0/operations', (request) => {
    const isPlain = recursionOf(request) === 0;
    const byStatus: Record<string, (string | Operation)[]> = {};
    const project = projectOfRequest(request);
    for (const operation of operations.list()) {
      if (!wantsAllProjects(request) && operation.project !== project) continue;
      const object = operation.render();
      const status = object.status.toLowerCase();
      (byStatus[status] ??= []).push(isPlain ? `/1.0/operations/${object.id}` : object);
    }
    return syncBody(byStatus);
  });
  app.get('/1.0/operations/:id', (request) =>
    syncBody(operations.get(param(request, 'id')).render()),
  );
  app.get('/1.0/operations/:id/wait', async (request) => {
    using client = whileConnected(request);
    const id = param(request, 'id');
    return syncBody(await operations.wait(id, timeoutOf(request), client.signal));
  });
  app.delete('/1.0/operations/:id', (request) => {
    operations.get(param(request, 'id')).cancel();
    return syncBody(null);
  });
}
