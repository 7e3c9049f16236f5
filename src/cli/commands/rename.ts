import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { parseInstanceRef, stripRemote } from '../names.ts';
import { UsageError } from '../usage-error.ts';

import type { Context } from '../context.ts';
import type { InstancePost } from '../../contract/api/instances.ts';

async function renameOne(
  { client, progress }: Context,
  from: string,
  to: string,
  project?: string,
): Promise<void> {
  const { instance, snapshot } = parseInstanceRef(from);
  progress.start(`Renaming ${from}`);
  if (snapshot === undefined) {
    const body: InstancePost = {
      ...{ name: stripRemote(to), migration: project !== undefined },
      ...(project === undefined ? {} : { project }),
    };
    await client.operate('POST', apiPath('instances', instance), body);
  } else if (project !== undefined) {
    throw new UsageError(`Cannot move ${from}: a snapshot stays with its machine`);
  } else {
    // `web/old web/new` and `web/old new` mean the same.
    const name = stripRemote(to).replace(`${instance}/`, '');
    await client.operate('POST', apiPath('instances', instance, 'snapshots', snapshot), { name });
  }
  progress.stop(`${from} is now ${to}${project === undefined ? '' : ` in ${project}`}`);
}

const positionals = {
  from: { kind: 'required', summary: 'INSTANCE or INSTANCE/SNAPSHOT', complete: 'instance' },
  to: { kind: 'required', summary: 'The new name' },
} as const;

export const rename = defineCommand({
  name: 'rename',
  summary: 'Give a machine or snapshot another name',
  examples: [
    { line: 'warren rename web www', does: 'a stopped machine' },
    { line: 'warren rename web/snap0 web/before-upgrade', does: 'a snapshot' },
  ],
  positionals,
  options: {},
  next: 'warren list',
  async run(context, { from, to }) {
    await renameOne(context, from, to);
    return undefined;
  },
});

export const move = defineCommand({
  name: 'move',
  summary: 'The same as rename, and to move a machine into another project',
  examples: [
    { line: 'warren move web www', does: 'another name' },
    { line: 'warren move web --target-project lab', does: 'the same name there' },
  ],
  positionals: { from: positionals.from, to: { kind: 'optional', summary: 'The new name' } },
  options: {
    'target-project': {
      kind: 'text',
      value: 'NAME',
      summary: 'Into this project',
      complete: 'project',
    },
  },
  next: 'warren list',
  async run(context, { from, to, 'target-project': project }) {
    if (to === undefined && project === undefined) {
      throw new UsageError(`Cannot move ${from}: wanted a new name, or --target-project`);
    }
    await renameOne(context, from, to ?? stripRemote(from), project);
    return undefined;
  },
});
