import { existsSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import { deviceListOf } from './attached.ts';
import { defineCommand, type AnyCommand } from './command.ts';
import { ownerWord, refuseSnapshot, updateObject, type KeyedGroup } from './keyed.ts';
import { parseAssignments, stripRemote } from './names.ts';
import { apiPath, type Client } from '../client/client.ts';

import type { Context } from './context.ts';
import type { DeviceMap, Instance, StringMap } from '../contract/api/instances.ts';
import type { Profile } from '../contract/api/profiles.ts';

type Owner = Pick<Instance & Profile, 'devices'> & { readonly expanded_devices?: DeviceMap };

/** `config device …` of machines and `profile device …`: the same but for where devices lie. */
export interface DeviceGroup {
  readonly keyed: KeyedGroup;
  readonly name: 'config device' | 'profile device';
}

const deviceWord = { kind: 'required', summary: 'Name of the device', complete: 'device' } as const;

function pathOf({ keyed }: DeviceGroup, owner: string): string {
  return apiPath(keyed.collection, stripRemote(owner));
}

async function getDevice(client: Client, group: DeviceGroup, owner: string, device: string) {
  const value = await client.get<Owner>(pathOf(group, owner));
  const keys = value.devices[device];
  if (keys === undefined) throw absent(group, value, owner, device);
  return keys;
}

/** A device that a profile gives is there, but it is not the machine's to change. */
function absent({ keyed }: DeviceGroup, value: Owner, owner: string, device: string): WarrenError {
  if (value.expanded_devices?.[device] !== undefined) {
    return new WarrenError('wrong_state', {
      name: `device ${device} of ${owner}`,
      action: 'use',
      state: 'a profile’s',
      wanted: `a device of ${owner} itself`,
      hint: `warren config device override ${owner} ${device}`,
    });
  }
  const names = Object.keys(value.devices);
  return new WarrenError('not_found', {
    kind: 'device',
    name: device,
    owner,
    nearest: names.length === 1 ? names[0] : undefined,
    hint: deviceListOf(keyed, owner),
  });
}

function present({ keyed }: DeviceGroup, owner: string, device: string): WarrenError {
  const hint = deviceListOf(keyed, owner);
  return new WarrenError('exists', { kind: 'device', name: device, owner, hint });
}

async function change(
  context: Context,
  group: DeviceGroup,
  owner: string,
  edit: (devices: DeviceMap, value: Owner) => DeviceMap,
): Promise<void> {
  refuseSnapshot(group.keyed, owner);
  await updateObject<Owner>(context, pathOf(group, owner), group.keyed.writable, (value) => ({
    devices: edit(value.devices, value),
  }));
}

export function deviceList(group: DeviceGroup): AnyCommand {
  const { name } = group.keyed.example;
  return defineCommand({
    name: `${group.name} list`,
    summary: `Show the devices of ${group.keyed.a}`,
    examples: [{ line: `warren ${group.name} list ${name}`, does: 'and where each comes from' }],
    positionals: { owner: ownerWord(group.keyed) },
    options: {},
    next: `warren ${group.name} add`,
    async run({ client }, { owner }) {
      const value = await client.get<Owner>(pathOf(group, owner));
      const all = { ...value.expanded_devices, ...value.devices };
      return Object.entries(all).map(([device, keys]) => ({
        name: device,
        type: keys['type'] ?? '',
        from: device in value.devices ? group.keyed.noun : 'profile',
        keys,
      }));
    },
    render: (devices) => ({
      table: {
        columns: [{ title: 'NAME' }, { title: 'TYPE' }, { title: 'FROM' }, { title: 'KEYS' }],
        rows: devices.map(({ name: device, type, from, keys }) => [
          device,
          type,
          from,
          keyText(keys),
        ]),
        empty: 'There are no devices.',
      },
    }),
  });
}

function keyText(keys: StringMap): string {
  return Object.entries(keys)
    .filter(([key]) => key !== 'type')
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

export function deviceShow(group: DeviceGroup): AnyCommand {
  return defineCommand({
    name: `${group.name} show`,
    summary: `Print the devices of ${group.keyed.a} as YAML`,
    examples: [
      { line: `warren ${group.name} show ${group.keyed.example.name}`, does: 'its own devices' },
    ],
    positionals: { owner: ownerWord(group.keyed) },
    options: {},
    next: `warren ${group.name} set`,
    async run({ client }, { owner }) {
      return (await client.get<Owner>(pathOf(group, owner))).devices;
    },
    render: (data) => ({ yaml: data }),
  });
}

export function deviceGet(group: DeviceGroup): AnyCommand {
  const { name } = group.keyed.example;
  return defineCommand({
    name: `${group.name} get`,
    summary: 'Print the value of one key of a device',
    examples: [{ line: `warren ${group.name} get ${name} eth0 network`, does: 'the value alone' }],
    positionals: {
      owner: ownerWord(group.keyed),
      device: deviceWord,
      key: { kind: 'required', summary: 'Key of the device' },
    },
    options: {},
    next: `warren ${group.name} show`,
    async run({ client }, { owner, device, key }) {
      return (await getDevice(client, group, owner, device))[key] ?? '';
    },
    render: (value) => ({ text: `${value}\n` }),
  });
}

export function deviceAdd(group: DeviceGroup): AnyCommand {
  const { name } = group.keyed.example;
  return defineCommand({
    name: `${group.name} add`,
    summary: `Add a device to ${group.keyed.a}`,
    examples: [
      {
        line: `warren ${group.name} add ${name} http proxy listen=tcp:127.0.0.1:8080 connect=tcp:127.0.0.1:80`,
        does: 'publish port 80 of the machine as port 8080 of this host',
      },
      {
        line: `warren ${group.name} add ${name} src disk source=/home/me/src path=/src`,
        does: 'share a directory',
      },
    ],
    positionals: {
      owner: ownerWord(group.keyed),
      device: { kind: 'required', summary: 'Name of the new device' },
      type: {
        kind: 'required',
        summary: 'disk, nic, proxy, unix-char or none',
        complete: ['disk', 'nic', 'proxy', 'unix-char', 'none'],
      },
      assignments: { kind: 'many', label: 'KEY=VALUE', summary: 'Keys and their values' },
    },
    options: {},
    next: `warren ${group.name} list`,
    async run(context, { owner, device, type, assignments }) {
      const keys = parseAssignments(assignments);
      await change(context, group, owner, (devices) => {
        if (device in devices) throw present(group, owner, device);
        return { ...devices, [device]: { ...keys, type } };
      });
      const source = keys['source'];
      // What a profile says may be meant for later; a machine's source is refused by the daemon.
      if (group.keyed.group === 'profile' && source?.startsWith('/') && !existsSync(source)) {
        context.warn(`${source} does not exist; until it does, no machine with ${owner} starts`);
      }
      return undefined;
    },
  });
}

export function deviceSet(group: DeviceGroup): AnyCommand {
  const { name } = group.keyed.example;
  return defineCommand({
    name: `${group.name} set`,
    summary: 'Set keys of a device',
    examples: [
      { line: `warren ${group.name} set ${name} src readonly=true`, does: 'live where it can be' },
    ],
    positionals: {
      owner: ownerWord(group.keyed),
      device: deviceWord,
      assignments: { kind: 'some', label: 'KEY=VALUE', summary: 'Keys and their values' },
    },
    options: {},
    next: `warren ${group.name} show`,
    async run(context, { owner, device, assignments }) {
      const keys = parseAssignments(assignments);
      await change(context, group, owner, (devices, value) => {
        const old = devices[device];
        if (old === undefined) throw absent(group, value, owner, device);
        return { ...devices, [device]: { ...old, ...keys } };
      });
      return undefined;
    },
  });
}

export function deviceUnset(group: DeviceGroup): AnyCommand {
  const { name } = group.keyed.example;
  return defineCommand({
    name: `${group.name} unset`,
    summary: 'Remove a key of a device',
    examples: [
      { line: `warren ${group.name} unset ${name} src readonly`, does: 'back to the default' },
    ],
    positionals: {
      owner: ownerWord(group.keyed),
      device: deviceWord,
      key: { kind: 'required', summary: 'Key of the device' },
    },
    options: {},
    next: `warren ${group.name} show`,
    async run(context, { owner, device, key }) {
      await change(context, group, owner, (devices, value) => {
        const old = devices[device];
        if (old === undefined) throw absent(group, value, owner, device);
        return { ...devices, [device]: without(old, [key]) };
      });
      return undefined;
    },
  });
}

export function deviceRemove(group: DeviceGroup): AnyCommand {
  const { name } = group.keyed.example;
  return defineCommand({
    name: `${group.name} remove`,
    summary: `Remove devices of ${group.keyed.a}`,
    examples: [
      { line: `warren ${group.name} remove ${name} http`, does: 'also from a running machine' },
    ],
    positionals: {
      owner: ownerWord(group.keyed),
      devices: { kind: 'some', summary: 'Names of devices', complete: 'device' },
    },
    options: {},
    next: `warren ${group.name} list`,
    async run(context, { owner, devices: names }) {
      await change(context, group, owner, (devices, value) => {
        for (const device of names) {
          if (!(device in devices)) throw absent(group, value, owner, device);
        }
        return without(devices, names);
      });
      return undefined;
    },
  });
}

export function deviceOverride(group: DeviceGroup): AnyCommand {
  return defineCommand({
    name: `${group.name} override`,
    summary: 'Give a machine its own copy of a device that a profile gives it',
    examples: [
      {
        line: `warren ${group.name} override web eth0 ipv4.address=10.77.0.5`,
        does: 'a fixed address, the rest as in the profile',
      },
    ],
    positionals: {
      owner: ownerWord(group.keyed),
      device: deviceWord,
      assignments: { kind: 'many', label: 'KEY=VALUE', summary: 'Keys and their values' },
    },
    options: {},
    next: `warren ${group.name} show`,
    async run(context, { owner, device, assignments }) {
      const keys = parseAssignments(assignments);
      await change(context, group, owner, (devices, value) => {
        const inherited = value.expanded_devices?.[device];
        if (device in devices) {
          throw present(group, owner, device);
        }
        if (inherited === undefined) throw absent(group, value, owner, device);
        return { ...devices, [device]: { ...inherited, ...keys } };
      });
      return undefined;
    },
  });
}

function without<T>(map: Readonly<Record<string, T>>, names: readonly string[]) {
  return Object.fromEntries(Object.entries(map).filter(([name]) => !names.includes(name)));
}
