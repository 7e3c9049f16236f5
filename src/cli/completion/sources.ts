import { apiPath, nameInUrl, type Client } from '../../client/client.ts';
import { aliasFile, readAliases } from '../aliases.ts';

import type { Candidate } from './candidates.ts';
import type { Completer } from '../command.ts';
import type { Context } from '../context.ts';
import type { ConfigContext } from '../../contract/config/validate.ts';
import type { Image } from '../../contract/api/images.ts';
import type { Instance } from '../../contract/api/instances.ts';

/** `current` is the word at the cursor so far. */
type Source = (
  context: Context,
  words: readonly string[],
  current: string,
) => Promise<readonly Candidate[]>;

/** Names of objects of one kind, from a list of URLs. */
function names(path: string): Source {
  return async ({ client }) =>
    (await client.get<string[]>(path)).map((url) => ({ value: nameInUrl(url) }));
}

function instances(fits: (status: string) => boolean): Source {
  return async ({ client }) =>
    (await client.get<Instance[]>('/1.0/instances', { recursion: 1 }))
      .filter(({ status }) => fits(status))
      .map(({ name, status }) => ({ value: name, about: status.toLowerCase() }));
}

/** Machines; behind the slash of one, its snapshots. */
const instancesAndSnapshots: Source = async (context, words, current) => {
  const slash = current.indexOf('/');
  if (slash <= 0) return await instances(() => true)(context, words, current);
  const name = current.slice(0, slash);
  const found = await snapshots(context, [name]);
  return found.map(({ value }) => ({ value: `${name}/${value}` }));
};

async function images({ client }: Context): Promise<readonly Candidate[]> {
  const [built, recipes] = await Promise.all([
    client.get<Image[]>('/1.0/images', { recursion: 1 }),
    client.get<{ alias: string; description: string }[]>('/1.0/warren/recipes').catch(() => []),
  ]);
  const aliases = built.flatMap(({ aliases: own, properties }) =>
    own.map(({ name }) => ({ value: name, about: properties['description'] ?? '' })),
  );
  const known = new Set(aliases.map(({ value }) => value));
  return [
    ...aliases,
    ...recipes
      .filter(({ alias }) => !known.has(alias))
      .map(({ alias, description }) => ({ value: alias, about: description })),
  ];
}

/** The first word that is no option names the machine or profile that it is about. */
function subject(words: readonly string[]): string | undefined {
  return words.find((word) => !word.startsWith('-'));
}

/** Devices of the machine or profile that `ownerIn` finds in the words so far. */
function devices(ownerIn: (words: readonly string[]) => string | undefined): Source {
  return async ({ client }, words) => {
    const name = ownerIn(words);
    return name === undefined ? [] : await devicesOf(client, name);
  };
}

async function devicesOf(client: Client, name: string): Promise<readonly Candidate[]> {
  const path = apiPath('instances', name);
  const found = await client
    .get<Instance>(path)
    .catch(() => client.get<Instance>(apiPath('profiles', name)));
  return Object.entries({
    ...found.devices,
    ...(found.expanded_devices as object | undefined),
  }).map(([device, keys]) => ({ value: device, about: (keys as { type?: string }).type ?? '' }));
}

/** Snapshots of the machine that was named; none where the snapshot was named with it. */
async function snapshots({ client }: Context, words: readonly string[]) {
  const name = subject(words);
  if (name === undefined || name.includes('/')) return [];
  const urls = await client.get<string[]>(apiPath('instances', name, 'snapshots'));
  return urls.map((url) => ({ value: nameInUrl(url) }));
}

/** More of one machine's snapshots, or more words such as `web/snap0`, as the first word has it. */
const moreSnapshots: Source = async (context, words, current) =>
  await (subject(words)?.includes('/') === true ? instancesAndSnapshots : snapshots)(
    context,
    words,
    current,
  );

async function templates({ client }: Context, words: readonly string[]) {
  const name = subject(words);
  if (name === undefined) return [];
  const found = await client.get<string[]>(apiPath('instances', name, 'metadata', 'templates'));
  return found.map((value) => ({ value }));
}

/** Custom volumes, with the pool before each where a word names both. */
function volumes(prefix: string): Source {
  return async (...input) =>
    (await names('/1.0/storage-pools/default/volumes/custom')(...input)).map(({ value }) => ({
      value: `${prefix}${value}`,
    }));
}

/** Paths in machines: their names with a slash; what lies in them is asked for level by level. */
async function instancePaths(context: Context): Promise<readonly Candidate[]> {
  const all = await instances(() => true)(context, [], '');
  return all.map(({ value, about }) => ({
    value: `${value}/`,
    ...(about === undefined ? {} : { about }),
  }));
}

function keysOf(context: ConfigContext): Source {
  return async () => await (await import('./config-keys.ts')).keyNames(context);
}

function pairsOf(context: ConfigContext): Source {
  return async (_context, _words, current) =>
    await (await import('./config-keys.ts')).keyPairs(context, current);
}

async function topics(): Promise<readonly Candidate[]> {
  const { topics: texts } = await import('../topics.ts');
  return Object.keys(texts).map((value) => ({ value }));
}

const sources: Readonly<Record<Exclude<Completer, readonly string[]>, Source>> = {
  instance: instancesAndSnapshots,
  'running-instance': instances((status) => status !== 'Stopped'),
  'stopped-instance': instances((status) => status !== 'Running'),
  snapshot: snapshots,
  snapshots: moreSnapshots,
  'instance-path': instancePaths,
  image: images,
  profile: names('/1.0/profiles'),
  network: names('/1.0/networks'),
  project: names('/1.0/projects'),
  storage: names('/1.0/storage-pools'),
  volume: volumes(''),
  'pool-volume': volumes('default/'),
  operation: async ({ client }) => {
    const byStatus = await client.get<Readonly<Record<string, string[]>>>('/1.0/operations');
    return Object.values(byStatus)
      .flat()
      .map((url) => ({ value: nameInUrl(url) }));
  },
  warning: names('/1.0/warnings'),
  alias: async ({ paths }) =>
    Object.entries(await readAliases(aliasFile(paths))).map(([value, about]) => ({ value, about })),
  'instance-key': keysOf('instance'),
  'instance-pair': pairsOf('instance'),
  'profile-key': keysOf('profile'),
  'profile-pair': pairsOf('profile'),
  'network-key': keysOf('network'),
  'network-pair': pairsOf('network'),
  'pool-key': keysOf('pool'),
  'pool-pair': pairsOf('pool'),
  'project-key': keysOf('project'),
  'project-pair': pairsOf('project'),
  device: devices(subject),
  'attached-device': devices((words) => words.findLast((word) => !word.startsWith('-'))),
  template: templates,
  topic: topics,
  file: async () => await Promise.resolve([{ value: ':files' }]),
};

export function sourceOf(completer: Exclude<Completer, readonly string[]>): Source {
  return sources[completer];
}
