import { WarrenError } from '../../contract/errors.ts';
import { listImages } from '../../engine/images/list.ts';
import { listInstances } from '../../engine/instances/list.ts';
import { listNetworks } from '../../engine/networks/list.ts';
import { listProfiles } from '../../engine/profiles/list.ts';
import { syncBody } from '../http/replies.ts';
import { param } from '../http/request.ts';
import { listAnswer } from './listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Project, ProjectState } from '../../contract/api/projects.ts';
import type { EngineDeps } from '../../engine/types.ts';
import type { DaemonContext } from '../context.ts';

const limitedKinds = [
  'containers',
  'cpu',
  'disk',
  'instances',
  'memory',
  'networks',
  'processes',
  'virtual-machines',
];

/** `/1.0/projects`: there is one, `default`, and it cannot be changed. */
export function projectRoutes(app: FastifyInstance, { engine }: DaemonContext): void {
  app.get('/1.0/projects', (request) =>
    listAnswer(
      request,
      ['default'],
      (name) => `/1.0/projects/${name}`,
      () => projectView(engine),
    ),
  );
  app.get('/1.0/projects/:name', (request) => {
    checkName(request);
    return syncBody(projectView(engine));
  });
  app.get('/1.0/projects/:name/state', (request) => {
    checkName(request);
    return syncBody(projectState(engine));
  });
  app.post('/1.0/projects', () => {
    throw new WarrenError('unsupported', {
      what: 'create a project',
      why: 'every user has a warren of their own, which is its one project',
    });
  });
}

function checkName(request: FastifyRequest): void {
  const name = param(request, 'name');
  if (name !== 'default') throw new WarrenError('not_found', { kind: 'project', name });
}

function projectView(engine: EngineDeps): Project {
  return {
    name: 'default',
    description: 'Default project',
    config: {
      'features.images': 'true',
      'features.networks': 'true',
      'features.profiles': 'true',
      'features.storage.volumes': 'true',
    },
    used_by: [
      ...listInstances(engine).map(({ name }) => `/1.0/instances/${name}`),
      ...listImages(engine).map(({ fingerprint }) => `/1.0/images/${fingerprint}`),
      ...listProfiles(engine).map(({ name }) => `/1.0/profiles/${encodeURIComponent(name)}`),
      ...listNetworks(engine).map(({ name }) => `/1.0/networks/${encodeURIComponent(name)}`),
    ],
  };
}

function projectState(engine: EngineDeps): ProjectState {
  const count = listInstances(engine).length;
  const usage: Readonly<Record<string, number>> = {
    containers: count,
    instances: count,
    networks: listNetworks(engine).length,
  };
  const resources = limitedKinds.map((kind) => [kind, { Limit: -1, Usage: usage[kind] ?? 0 }]);
  return { resources: Object.fromEntries(resources) as ProjectState['resources'] };
}
