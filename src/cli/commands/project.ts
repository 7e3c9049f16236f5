import { apiPath } from '../../client/client.ts';
import { projectFeatures } from '../../contract/config/project-keys.ts';
import { defineCommand } from '../command.ts';
import { readCurrentProject, writeCurrentProject } from '../current-project.ts';
import { projectGroup } from '../groups.ts';
import { editCommand, getCommand, setCommand, showCommand, unsetCommand } from '../keyed.ts';
import { parseAssignment } from '../names.ts';
import { sizeCell } from '../render/cells.ts';
import { forEachName } from '../together.ts';

import type { Project, ProjectState } from '../../contract/api/projects.ts';
import type { Cell } from '../render/table.ts';

/**
 * What is typed here makes a project whose machines have a network at once; asked for nothing, the
 * API gives it an empty profile of its own, as LXD does.
 */
const shared = Object.fromEntries(projectFeatures.map((feature) => [feature, 'false']));

export const get = getCommand(projectGroup);
export const set = setCommand(projectGroup);
export const unset = unsetCommand(projectGroup);
export const show = showCommand(projectGroup);
export const edit = editCommand(projectGroup);

const project = { kind: 'required', summary: 'Name of the project', complete: 'project' } as const;

export const list = defineCommand({
  name: 'project list',
  summary: 'Show all projects; a star is at the one that commands are about',
  examples: [{ line: 'warren project list', does: 'and how many machines each has' }],
  positionals: {},
  options: {},
  next: 'warren project switch NAME',
  async run({ client, paths, env }) {
    const projects = await client.get<Project[]>('/1.0/projects', { recursion: 1 });
    const current = readCurrentProject(paths, env);
    return projects.map((one) => ({ ...one, current: one.name === current }));
  },
  render: (projects) => ({
    table: {
      columns: [
        { title: 'NAME' },
        { title: 'DESCRIPTION' },
        { title: 'LIMITS' },
        { title: 'MACHINES', align: 'right' },
      ],
      rows: projects.map(({ name, current, description, config, used_by: users }) => [
        current ? { text: `${name} *`, value: name } : name,
        description,
        Object.entries(config)
          .filter(([key]) => key.startsWith('limits.'))
          .map(([key, value]) => `${key.slice(7)}=${value}`)
          .join(' ') || '-',
        String(users.filter((url) => url.startsWith('/1.0/instances/')).length),
      ]),
    },
  }),
});

export const info = defineCommand({
  name: 'project info',
  summary: 'What a project has and what it may have',
  examples: [{ line: 'warren project info lab', does: 'beside its limits' }],
  positionals: { project },
  options: {},
  next: 'warren project set NAME limits.instances=N',
  async run({ client }, { project: name }) {
    return await client.get<ProjectState>(apiPath('projects', name, 'state'));
  },
  render: ({ resources }) => {
    const sizes = ['memory', 'disk'];
    const amount = (key: string, value: number): Cell =>
      sizes.includes(key) ? sizeCell(value) : String(value);
    return {
      table: {
        columns: [
          { title: 'RESOURCE' },
          { title: 'LIMIT', align: 'right' },
          { title: 'USAGE', align: 'right' },
        ],
        rows: Object.entries(resources)
          .filter(([key]) => key !== 'virtual-machines')
          .map(([key, { Limit: limit, Usage: usage }]) => [
            key,
            limit < 0 ? '-' : amount(key, limit),
            amount(key, usage),
          ]),
      },
    };
  },
});

export const create = defineCommand({
  name: 'project create',
  summary: 'Make a project: machines with names and limits of their own',
  examples: [
    { line: 'warren project create lab', does: 'then: warren --project lab launch …' },
    { line: 'warren project create lab -c limits.instances=5', does: 'of five machines at most' },
    {
      line: 'warren project create lab -c features.profiles=true',
      does: 'with profiles of its own; features.images and features.storage.volumes likewise',
    },
  ],
  positionals: { name: { kind: 'required', summary: 'Name of the new project' } },
  options: {
    config: { kind: 'list', alias: 'c', value: 'KEY=VALUE', summary: 'Set a key' },
    description: { kind: 'text', value: 'TEXT', summary: 'What it is for' },
  },
  next: 'warren project switch NAME',
  async run({ client }, { name, config, description }) {
    await client.change('POST', apiPath('projects'), {
      name,
      description: description ?? '',
      config: { ...shared, ...Object.fromEntries(config.map(parseAssignment)) },
    });
    return undefined;
  },
});

export const rename = defineCommand({
  name: 'project rename',
  summary: 'Give a project without machines another name',
  examples: [{ line: 'warren project rename lab course', does: 'while it is empty' }],
  positionals: { project, to: { kind: 'required', summary: 'The new name' } },
  options: {},
  next: 'warren project list',
  async run({ client, paths }, { project: name, to }) {
    await client.operate('POST', apiPath('projects', name), { name: to });
    if (readCurrentProject(paths, {}) === name) await writeCurrentProject(paths, to);
    return undefined;
  },
});

export const deleteProject = defineCommand({
  name: 'project delete',
  summary: 'Delete projects without machines',
  examples: [{ line: 'warren project delete lab', does: 'refused while it has machines' }],
  positionals: { projects: { kind: 'some', summary: 'Names of projects', complete: 'project' } },
  options: {},
  next: 'warren project list',
  async run({ client, paths }, { projects }) {
    await forEachName(projects, (name) => client.change('DELETE', apiPath('projects', name)));
    if (projects.includes(readCurrentProject(paths, {})))
      await writeCurrentProject(paths, 'default');
    return undefined;
  },
});

export const switchProject = defineCommand({
  name: 'project switch',
  summary: 'Have all further commands be about a project',
  examples: [
    { line: 'warren project switch lab', does: '--project and WARREN_PROJECT still win' },
    { line: 'warren project switch default', does: 'back' },
  ],
  positionals: { project },
  options: {},
  next: 'warren list',
  async run({ client, paths }, { project: name }) {
    await client.get(apiPath('projects', name));
    await writeCurrentProject(paths, name);
    return undefined;
  },
});
