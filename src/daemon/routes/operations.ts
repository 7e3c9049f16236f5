import { syncBody } from '../http/replies.ts';
import { param, projectOfRequest, query, recursionOf, wantsAllProjects } from '../http/request.ts';

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
    const seconds = Number(query(request, 'timeout') ?? '-1');
    const timeoutMs = seconds >= 0 ? Math.min(seconds * 1000, 0x7fff_ffff) : undefined;
    const gone = new AbortController();
    const onClose = (): void => {
      gone.abort();
    };
    const { socket } = request.raw;
    socket.once('close', onClose);
    try {
      return syncBody(await operations.wait(param(request, 'id'), timeoutMs, gone.signal));
    } finally {
      // The connection lives on, and other requests wait on it.
      socket.off('close', onClose);
    }
  });
  app.delete('/1.0/operations/:id', (request) => {
    operations.get(param(request, 'id')).cancel();
    return syncBody(null);
  });
}
