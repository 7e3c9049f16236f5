import { apiPath, nameInUrl, type Client } from '../client/client.ts';
import { isWarrenError } from '../contract/errors.ts';
import { readRedirectedYaml } from './editor.ts';
import { refuseUnknownFields } from './keyed.ts';
import { parseAssignment, parseDeviceOptions, refuseRecords, stripRemote } from './names.ts';
import { UsageError } from './usage-error.ts';
import { warnOf } from './warnings.ts';

import type { OptionRow, OptionRows } from './command.ts';
import type { Context } from './context.ts';
import type {
  DeviceMap,
  InstancesPost,
  InstanceSource,
  StringMap,
} from '../contract/api/instances.ts';
import type { Profile } from '../contract/api/profiles.ts';

const profile = {
  kind: 'list',
  alias: 'p',
  value: 'PROFILE',
  summary: 'Apply this profile (again for more, later ones win)',
  complete: 'profile',
} as const satisfies OptionRow;

/** What `init` and `launch` have in common. */
export const creationOptions = {
  profile,
  config: {
    kind: 'list',
    alias: 'c',
    value: 'KEY=VALUE',
    summary: 'Set a config key: -c limits.memory=1GiB',
    complete: 'instance-pair',
  },
  device: {
    kind: 'list',
    alias: 'd',
    value: 'DEVICE,KEY=VALUE',
    summary: 'Set a device key: -d eth0,ipv4.address=10.77.0.5',
  },
  network: {
    kind: 'text',
    alias: 'n',
    value: 'NETWORK',
    summary: 'Attach to this network',
    complete: 'network',
  },
  storage: {
    kind: 'text',
    alias: 's',
    value: 'POOL',
    summary: 'Keep the root disk in this storage pool',
    complete: 'storage',
  },
  ephemeral: { kind: 'flag', alias: 'e', summary: 'Delete it when it stops' },
  'no-profiles': { kind: 'flag', summary: 'Apply no profile, not even default' },
  description: { kind: 'text', value: 'TEXT', summary: 'What it is for' },
} as const satisfies OptionRows;

export interface CreationArgs {
  readonly profile: readonly string[];
  readonly config: readonly string[];
  readonly device: readonly string[];
  readonly network: string | undefined;
  readonly storage: string | undefined;
  readonly ephemeral: boolean;
  readonly 'no-profiles': boolean;
  readonly description: string | undefined;
}

/** Creates a machine and returns its name, which the server chooses when `name` is undefined. */
export async function createInstance(
  context: Context,
  image: string | undefined,
  name: string | undefined,
  args: CreationArgs,
): Promise<string> {
  const { client } = context;
  const request = await planInstance(context, name, args);
  const source = image === undefined ? noImage(args) : await imageSource(client, image);
  const operation = await client.operate('POST', apiPath('instances'), { ...request, source });
  warnOf(context, operation);
  const url = operation.resources['instances']?.[0];
  return url === undefined ? (name ?? '') : nameInUrl(url);
}

function noImage(args: object): InstanceSource {
  if ('empty' in args && args.empty === true) return { type: 'none' };
  throw new UsageError('Cannot create a machine: IMAGE is missing', 'warren help images');
}

/** What looks like a fingerprint may be an alias all the same, so that is asked first. */
async function imageSource(client: Client, word: string): Promise<InstanceSource> {
  const alias = stripRemote(word);
  if (!/^[0-9a-f]{8,64}$/.test(alias)) return { type: 'image', alias };
  try {
    await client.get(apiPath('images', 'aliases', alias));
    return { type: 'image', alias };
  } catch (error) {
    if (!isWarrenError(error, 'not_found')) throw error;
    return { type: 'image', fingerprint: alias };
  }
}

async function planInstance(
  context: Context,
  name: string | undefined,
  args: CreationArgs,
): Promise<Omit<InstancesPost, 'source'>> {
  const from: FromInput = (await readRedirectedYaml(context)) ?? {};
  refuseUnknownFields(`create ${name ?? 'a machine'}`, from, knownInput);
  const profiles = args['no-profiles']
    ? []
    : args.profile.length > 0
      ? args.profile
      : (from.profiles ?? null);
  const given = parseDeviceOptions(args.device);
  const devices: Record<string, StringMap> = { ...from.devices };
  if (args.network !== undefined) {
    devices['eth0'] = { type: 'nic', name: 'eth0', network: args.network };
  }
  if (args.storage !== undefined) {
    devices['root'] = { type: 'disk', path: '/', pool: args.storage };
  }
  const inherited = await inheritedDevices(context.client, profiles, given.keys(), devices);
  for (const [device, keys] of given) {
    devices[device] = { ...inherited[device], ...devices[device], ...keys };
  }
  return {
    ...(name === undefined ? {} : { name: stripRemote(name) }),
    config: {
      ...from.config,
      ...refuseRecords(Object.fromEntries(args.config.map(parseAssignment))),
    },
    devices,
    profiles,
    ephemeral: args.ephemeral,
    description: args.description ?? from.description ?? '',
    type: 'container',
  };
}

/**
 * A device of the machine replaces a profile's as a whole, so `-d` starts from the profile's keys.
 */
async function inheritedDevices(
  client: Client,
  profiles: readonly string[] | null,
  wanted: Iterable<string>,
  own: DeviceMap,
): Promise<DeviceMap> {
  if ([...wanted].every((device) => device in own)) return {};
  const all = await Promise.all(
    (profiles ?? ['default']).map((name) => client.get<Profile>(apiPath('profiles', name))),
  );
  return Object.fromEntries(all.flatMap(({ devices }) => Object.entries(devices)));
}

/** Fields of `FromInput`, and what else `config show` and the API say of a machine. */
const knownInput = [
  'config',
  'devices',
  'profiles',
  'description',
  'name',
  'architecture',
  'ephemeral',
  'stateful',
  'created_at',
  'last_used_at',
  'status',
  'status_code',
  'type',
  'expanded_config',
  'expanded_devices',
  'instance_type',
  'source',
  'state',
  'snapshots',
  'backups',
];

interface FromInput {
  readonly config?: StringMap;
  readonly devices?: DeviceMap;
  readonly profiles?: readonly string[];
  readonly description?: string;
}
