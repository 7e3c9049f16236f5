import { WarrenError } from '../../contract/errors.ts';
import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import { configGroup } from '../groups.ts';
import { updateObject } from '../keyed.ts';
import { stripRemote } from '../names.ts';

import type { Context } from '../context.ts';
import type { Instance } from '../../contract/api/instances.ts';

const instance = {
  kind: 'required',
  summary: 'Name of the machine',
  complete: 'instance',
} as const;
const profile = { kind: 'required', summary: 'Name of the profile', complete: 'profile' } as const;

async function changeProfiles(
  context: Context,
  name: string,
  change: (profiles: readonly string[]) => readonly string[],
): Promise<void> {
  const path = apiPath('instances', stripRemote(name));
  await updateObject<Instance>(context, path, configGroup.writable, ({ profiles }) => ({
    profiles: change(profiles),
  }));
}

export const add = defineCommand({
  name: 'profile add',
  summary: 'Apply one more profile to a machine',
  examples: [{ line: 'warren profile add web strict', does: 'after those it has: it wins' }],
  positionals: { instance, profile },
  options: {},
  next: 'warren config show NAME --expanded',
  async run(context, { instance: name, profile: added }) {
    await changeProfiles(context, name, (profiles) => {
      if (profiles.includes(added)) {
        throw new WarrenError('exists', { kind: 'profile', name: added, owner: name });
      }
      return [...profiles, added];
    });
    return undefined;
  },
});

export const remove = defineCommand({
  name: 'profile remove',
  summary: 'Take a profile off a machine',
  examples: [{ line: 'warren profile remove web strict', does: 'live where its keys are live' }],
  positionals: { instance, profile },
  options: {},
  next: 'warren config show NAME --expanded',
  async run(context, { instance: name, profile: removed }) {
    await changeProfiles(context, name, (profiles) => {
      if (!profiles.includes(removed)) {
        throw new WarrenError('not_found', { kind: 'profile', name: removed, owner: name });
      }
      return profiles.filter((other) => other !== removed);
    });
    return undefined;
  },
});

export const assign = defineCommand({
  name: 'profile assign',
  summary: 'Replace all profiles of a machine',
  examples: [
    { line: 'warren profile assign web default,strict', does: 'these two, in this order' },
    { line: "warren profile assign web ''", does: 'none' },
  ],
  positionals: {
    instance,
    profiles: { kind: 'required', summary: 'Names with commas between them', complete: 'profile' },
  },
  options: {},
  next: 'warren config show NAME --expanded',
  async run(context, { instance: name, profiles }) {
    const names = profiles.split(',').filter((word) => word !== '');
    await changeProfiles(context, name, () => names);
    return undefined;
  },
});
