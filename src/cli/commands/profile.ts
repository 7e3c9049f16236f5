import { apiPath } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import {
  deviceAdd,
  deviceGet,
  deviceList,
  deviceRemove,
  deviceSet,
  deviceShow,
  deviceUnset,
} from '../devices.ts';
import { readGivenYaml } from '../editor.ts';
import { profileDevices, profileGroup } from '../groups.ts';
import {
  editCommand,
  getCommand,
  refuseUnknownFields,
  setCommand,
  showCommand,
  unsetCommand,
} from '../keyed.ts';
import { forEachName } from '../together.ts';

import type { Profile, ProfilesPost } from '../../contract/api/profiles.ts';

export const get = getCommand(profileGroup);
export const set = setCommand(profileGroup);
export const unset = unsetCommand(profileGroup);
export const show = showCommand(profileGroup);
export const edit = editCommand(profileGroup);

export const device = {
  list: deviceList(profileDevices),
  show: deviceShow(profileDevices),
  get: deviceGet(profileDevices),
  set: deviceSet(profileDevices),
  unset: deviceUnset(profileDevices),
  add: deviceAdd(profileDevices),
  remove: deviceRemove(profileDevices),
} as const;

const profileName = {
  kind: 'required',
  summary: 'Name of the profile',
  complete: 'profile',
} as const;

export const list = defineCommand({
  name: 'profile list',
  summary: 'Show all profiles',
  examples: [{ line: 'warren profile list', does: 'and how many machines use each' }],
  positionals: {},
  options: {},
  next: 'warren profile show NAME',
  async run({ client }) {
    return await client.get<Profile[]>('/1.0/profiles', { recursion: 1 });
  },
  render: (profiles) => ({
    table: {
      columns: [{ title: 'NAME' }, { title: 'DESCRIPTION' }, { title: 'USED BY', align: 'right' }],
      rows: profiles.map(({ name, description, used_by: users }) => [
        name,
        description,
        String(users.length),
      ]),
    },
  }),
});

export const create = defineCommand({
  name: 'profile create',
  summary: 'Create a profile',
  examples: [
    {
      line: 'warren profile create lab',
      does: 'an empty one; fill it with set, device add or edit',
    },
    { line: 'warren profile create course < course.yaml', does: 'one that was written before' },
  ],
  positionals: { name: { kind: 'required', summary: 'Name of the new profile' } },
  options: {
    description: { kind: 'text', value: 'TEXT', summary: 'What it is for' },
  },
  next: 'warren profile edit NAME',
  async run(context, { name, description }) {
    const given = await readGivenYaml(context);
    const known = ['name', ...profileGroup.writable, 'used_by'];
    refuseUnknownFields(`create profile ${name}`, given ?? {}, known);
    await context.client.change('POST', apiPath('profiles'), {
      config: {},
      devices: {},
      description: '',
      ...given,
      ...(description === undefined ? {} : { description }),
      name,
    });
    return undefined;
  },
});

export const copy = defineCommand({
  name: 'profile copy',
  summary: 'Copy a profile',
  examples: [{ line: 'warren profile copy default lab', does: 'a new one to change' }],
  positionals: { source: profileName, name: { kind: 'required', summary: 'Name of the copy' } },
  options: {},
  next: 'warren profile edit NAME',
  async run({ client }, { source, name }) {
    const { config, devices, description } = await client.get<Profile>(apiPath('profiles', source));
    const profile: ProfilesPost = { name, config, devices, description };
    await client.change('POST', apiPath('profiles'), profile);
    return undefined;
  },
});

export const rename = defineCommand({
  name: 'profile rename',
  summary: 'Give a profile another name',
  examples: [{ line: 'warren profile rename lab course', does: 'its machines follow' }],
  positionals: { from: profileName, to: { kind: 'required', summary: 'The new name' } },
  options: {},
  next: 'warren profile list',
  async run({ client }, { from, to }) {
    await client.change('POST', apiPath('profiles', from), { name: to });
    return undefined;
  },
});

export const deleteProfile = defineCommand({
  name: 'profile delete',
  summary: 'Delete profiles that no machine uses',
  examples: [{ line: 'warren profile delete lab', does: 'refused while it is used' }],
  positionals: { profiles: { kind: 'some', summary: 'Names of profiles', complete: 'profile' } },
  options: {},
  next: 'warren profile list',
  async run({ client }, { profiles }) {
    await forEachName(profiles, (name) => client.change('DELETE', apiPath('profiles', name)));
    return undefined;
  },
});
