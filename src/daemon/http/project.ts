import { AsyncLocalStorage } from 'node:async_hooks';

import { machineName } from '../../base/names.ts';
import { getProject } from '../../engine/projects/list.ts';
import { projectOfRequest } from './request.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EngineDeps } from '../../engine/types.ts';

/** The project of the request that is being answered. */
const current = new AsyncLocalStorage<string>();

/** `default` outside of requests. */
export function currentProject(): string {
  return current.getStore() ?? 'default';
}

/**
 * Before every route: the project must be there, and a machine in the path gets the name that the
 * engine knows it by.
 */
export function useProjects(app: FastifyInstance, engine: EngineDeps): void {
  app.addHook('onRequest', (request, _reply, done) => {
    const project = projectOfRequest(request);
    if (project !== 'default') getProject(engine, project);
    if (isOfMachine(request)) {
      const params = request.params as Record<string, string>;
      params['name'] = machineName(project, params['name'] ?? '');
    }
    current.run(project, done);
  });
}

function isOfMachine({ routeOptions: { url = '' } }: FastifyRequest): boolean {
  return /^\/1\.0\/(instances|containers)\/:name/.test(url);
}
