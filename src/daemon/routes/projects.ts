import { parseSize } from '../../base/units.ts';
import { fixedFeatures, projectFeatures } from '../../contract/config/project-keys.ts';
import { listImages } from '../../engine/images/list.ts';
import { expander } from '../../engine/instances/list.ts';
import { listNetworks } from '../../engine/networks/list.ts';
import { countMachines } from '../../engine/policy/counted.ts';
import { listProfiles } from '../../engine/profiles/list.ts';
import {
  createProject,
  deleteProject,
  renameProject,
  updateProject,
} from '../../engine/projects/change.ts';
import { getProject, instancesOf, listProjects } from '../../engine/projects/list.ts';
import { listVolumes } from '../../engine/volumes/list.ts';
import { readJson } from '../http/body.ts';
import { checkIfMatch, etagOf } from '../http/etag.ts';
import { Fields } from '../http/fields.ts';
import { accepted, created, syncBody } from '../http/replies.ts';
import { header, param } from '../http/request.ts';
import { imageUrl, instanceUrl, profileUrl } from '../views/urls.ts';
import { volumeUrl } from '../views/volumes.ts';
import { listAnswer } from './listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { SyncResponse } from '../../contract/api/envelope.ts';
import type { Project, ProjectState } from '../../contract/api/projects.ts';
import type { Ceilings } from '../../contract/policy/policy.ts';
import type { EngineDeps, ProjectRecord } from '../../engine/types.ts';
import type { DaemonContext } from '../context.ts';

const all = '/1.0/projects';
const one = `${all}/:project`;
const url = (name: string): string => `${all}/${encodeURIComponent(name)}`;

/** `/1.0/projects`. Every answer but a rename is sync: the stock client does not wait. */
export function projectRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  app.get(all, (request) =>
    listAnswer(
      request,
      listProjects(engine),
      ({ name }) => url(name),
      (record) => projectView(engine, record),
    ),
  );
  app.post(all, async (request, reply) => {
    const what = 'create the project';
    const fields = new Fields(what, await readJson(request.raw, what));
    const input = {
      name: fields.requiredString('name'),
      description: fields.string('description') ?? '',
      // As in LXD, a new one has its own of what it can have, unless it is said.
      config: { ...featuresOf(true), ...fields.stringMap('config') },
    };
    fields.done();
    createProject(engine, input);
    return created(reply, url(input.name));
  });
  app.get(one, (request, reply) => {
    const record = getProject(engine, param(request, 'project'));
    void reply.header('ETag', etagOf(writablePart(record)));
    return syncBody(projectView(engine, record));
  });
  app.get(`${one}/state`, (request) =>
    syncBody(projectState(engine, getProject(engine, param(request, 'project')))),
  );
  app.put(one, (request) => change(engine, request, 'replace'));
  app.patch(one, (request) => change(engine, request, 'merge'));
  app.post(one, async (request, reply) => {
    const { name } = getProject(engine, param(request, 'project'));
    const what = `rename the project ${name}`;
    const fields = new Fields(what, await readJson(request.raw, what));
    const newName = fields.requiredString('name');
    fields.done();
    const operation = context.operations.start({
      description: 'Renaming project',
      resources: {},
      work: () => {
        renameProject(engine, name, newName);
        return Promise.resolve(undefined);
      },
    });
    return accepted(reply, operation.render());
  });
  app.delete(one, (request) => {
    deleteProject(engine, param(request, 'project'));
    return syncBody(null);
  });
}

async function change(
  engine: EngineDeps,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<null>> {
  const record = getProject(engine, param(request, 'project'));
  const { name } = record;
  const what = `change the project ${name}`;
  const fields = new Fields(what, await readJson(request.raw, what));
  const config = fields.stringMap('config');
  const description = fields.string('description');
  fields.done();
  const ifMatch = header(request, 'if-match');
  updateProject(engine, {
    name,
    ...(how === 'replace'
      ? { config: config ?? {}, description: description ?? '' }
      : { config: config && { ...record.config, ...config }, description }),
    check: (current) => {
      checkIfMatch(ifMatch, etagOf(writablePart(current)), `the project ${name}`);
    },
  });
  return syncBody(null);
}

function writablePart({ config, description }: ProjectRecord): unknown {
  return { config, description };
}

function projectView(engine: EngineDeps, { name, description, config }: ProjectRecord): Project {
  const own = [
    ...instancesOf(engine, name).map((record) => instanceUrl(record.name)),
    ...listImages(engine, name).map(imageUrl),
    ...listProfiles(engine, name).map((profile) => profileUrl(profile.name)),
    ...listVolumes(engine, name).map((volume) => volumeUrl(volume.name)),
  ];
  return {
    name,
    description,
    config: { ...featuresOf(name === 'default'), ...fixedFeatures(name), ...config },
    used_by: name === 'default' ? [...own, ...sharedUrls(engine)] : own,
  };
}

function featuresOf(own: boolean): Readonly<Record<string, string>> {
  return Object.fromEntries(projectFeatures.map((feature) => [feature, `${own}`]));
}

/** What all projects share is the default one's. */
function sharedUrls(engine: EngineDeps): string[] {
  return [
    ...listNetworks(engine).map((network) => `/1.0/networks/${encodeURIComponent(network.name)}`),
  ];
}

/** Limits and what counts against them; -1 is no limit. */
function projectState(engine: EngineDeps, { name, config }: ProjectRecord): ProjectState {
  const records = instancesOf(engine, name);
  const counted = countMachines(records, expander(engine));
  const sum = (field: keyof Ceilings): number =>
    counted.reduce((total, { has }) => total + (has[field] ?? 0), 0);
  const limit = (key: string): number => {
    const value = config[`limits.${key}`];
    return value === undefined ? -1 : (parseSize(value) ?? Number(value));
  };
  const isDefault = name === 'default';
  const usage: Readonly<Record<string, number>> = {
    containers: records.length,
    cpu: Math.ceil(sum('cpus')),
    disk: sum('diskBytes'),
    instances: records.length,
    memory: sum('memoryBytes'),
    networks: isDefault ? listNetworks(engine).length : 0,
    processes: sum('processes'),
    'virtual-machines': 0,
  };
  return {
    resources: Object.fromEntries(
      Object.entries(usage).map(([key, used]) => [key, { Limit: limit(key), Usage: used }]),
    ),
  };
}
