import { nearestName } from '../base/text.ts';
import { apiPath, type Tagged } from '../client/client.ts';
import { isWarrenError } from '../contract/errors.ts';
import { defineCommand, type AnyCommand, type Completer } from './command.ts';
import { editObject } from './editor.ts';
import {
  parseAssignments,
  parseInstanceRef,
  refPath,
  refuseRecords,
  stripRemote,
} from './names.ts';
import { plain } from './render/look.ts';
import { UsageError } from './usage-error.ts';
import { warnOf } from './warnings.ts';

import type { Context } from './context.ts';
import type { Instance, InstanceSnapshot, StringMap } from '../contract/api/instances.ts';

/** An object of the API that has config keys. */
export interface KeyedObject {
  readonly config: StringMap;
}

/** What tells `config`, `profile`, `network` and `storage` apart: the rest is the same. */
export interface KeyedGroup {
  readonly group: 'config' | 'profile' | 'network' | 'storage' | 'project';
  /** The positional: `profile`. */
  readonly noun: 'instance' | 'profile' | 'network' | 'pool' | 'project';
  /** The article with it, for sentences. */
  readonly a: string;
  readonly collection: 'instances' | 'profiles' | 'networks' | 'storage-pools' | 'projects';
  readonly complete: Completer;
  /** Fields that PUT replaces; the others are the server's. */
  readonly writable: readonly string[];
  /** A key and value for the examples. */
  readonly example: { readonly name: string; readonly key: string; readonly value: string };
}

/** The positional for the machine or profile whose devices a command changes. */
export function ownerWord({ noun, complete }: KeyedGroup) {
  const summary = `Name of the ${noun === 'instance' ? 'machine' : noun}`;
  return { kind: 'required', label: noun.toUpperCase(), summary, complete } as const;
}

/** Without a name, `config` is the server's; of a machine, `web/before-upgrade` is a snapshot. */
export function keyedPath(group: KeyedGroup, name: string | undefined): string {
  if (name === undefined) return '/1.0';
  return isSnapshot(group, name)
    ? refPath(parseInstanceRef(name))
    : apiPath(group.collection, stripRemote(name));
}

function isSnapshot({ group }: KeyedGroup, name: string | undefined): name is string {
  return group === 'config' && name?.includes('/') === true;
}

/** A snapshot stays as it was taken, but for the time that it is kept. Throws `UsageError`. */
export function refuseSnapshot(group: KeyedGroup, name: string | undefined): void {
  if (!isSnapshot(group, name)) return;
  throw new UsageError(
    `Cannot change ${name}: a snapshot stays as it was taken, but for expires_at`,
    `warren config edit ${name}`,
  );
}

/** How often a change is made anew for an object that changed while it was written. */
const mostTries = 3;

/**
 * Reads, lets `change` make the fields that differ, and writes with the ETag of what was read;
 * again where the object has changed meanwhile, as a machine does that begins to run.
 */
export async function updateObject<T extends object>(
  context: Pick<Context, 'client' | 'warn'>,
  path: string,
  writable: readonly string[],
  change: (value: T) => Partial<T>,
): Promise<void> {
  const { client } = context;
  for (let tries = 1; ; tries += 1) {
    const { value, etag }: Tagged<T> = await client.getTagged<T>(path);
    const next = { ...value, ...change(value) };
    try {
      warnOf(context, await client.operate('PUT', path, pick(next, writable), etag));
      return;
    } catch (error) {
      if (tries >= mostTries || !isWarrenError(error, 'stale')) throw error;
    }
  }
}

/** Sets config keys of the object at `path`. */
export async function setKeys(
  context: Pick<Context, 'client' | 'warn'>,
  path: string,
  writable: readonly string[],
  values: StringMap,
): Promise<void> {
  await updateObject<KeyedObject>(context, path, writable, ({ config }) => ({
    config: { ...config, ...values },
  }));
}

/** Removes config keys of the object at `path`. */
export async function unsetKeys(
  context: Pick<Context, 'client' | 'warn'>,
  path: string,
  writable: readonly string[],
  keys: readonly string[],
): Promise<void> {
  await updateObject<KeyedObject>(context, path, writable, ({ config }) => ({
    config: Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key))),
  }));
}

/**
 * Has the object at `path` changed in an editor, or from standard input; `name` is for sentences.
 */
export async function editKeyed(
  context: Context,
  name: string,
  path: string,
  writable: readonly string[],
): Promise<void> {
  const { value, etag } = await context.client.getTagged<object>(path);
  const before = pick(value, writable);
  const heading = `# ${name}: change it, save, leave the editor. Lines with # say nothing.`;
  const changed = await editObject(context, before, heading, async (edited, fromEditor) => {
    if (typeof edited !== 'object' || edited === null) {
      throw new UsageError(`Cannot change ${name}: wanted YAML with keys`);
    }
    refuseUnknownFields(`change ${name}`, edited, [...Object.keys(value), ...writable]);
    const after = pick({ ...before, ...edited }, writable);
    const etagOfEdit = fromEditor ? etag : undefined;
    warnOf(context, await context.client.operate('PUT', path, after, etagOfEdit));
  });
  if (!changed) context.warn('nothing was changed');
}

/** What `show` of another server adds to objects of all kinds. */
const ofServers = ['project', 'location'];

/**
 * `what` is such as `change lab`. Throws `UsageError` with the nearest name of those that are
 * known.
 */
export function refuseUnknownFields(what: string, given: object, known: readonly string[]): void {
  const unknown = Object.keys(given).find((key) => ![...known, ...ofServers].includes(key));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  const rest = nearest === undefined ? `wanted ${known.join(', ')}` : `the nearest is ${nearest}`;
  throw new UsageError(`Cannot ${what}: unknown key "${plain(unknown.slice(0, 80))}"; ${rest}`);
}

/** The entries of an object that have these names. */
export function pick(value: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(value).filter(([name]) => names.includes(name)));
}

function writableOf(group: KeyedGroup, name: string | undefined): readonly string[] {
  if (name === undefined) return ['config'];
  return isSnapshot(group, name) ? ['expires_at'] : group.writable;
}

/** The positional with the name of the object: optional where the server has keys itself. */
function nameOf(group: KeyedGroup) {
  const summary =
    group.group === 'config' ? 'Machine; without one, warren itself' : `Name of the ${group.noun}`;
  const kind = group.group === 'config' ? ('optional' as const) : ('required' as const);
  return { kind, summary, complete: group.complete };
}

type Named = Readonly<Record<string, string | undefined>>;

export function getCommand(group: KeyedGroup): AnyCommand {
  const { name, key } = group.example;
  return defineCommand({
    name: `${group.group} get`,
    summary: `Print the value of one key of ${group.a}`,
    examples: [{ line: `warren ${group.group} get ${name} ${key}`, does: 'the value alone' }],
    positionals: {
      [group.noun]: nameOf(group),
      key: { kind: 'required', summary: 'Config key', complete: `${group.noun}-key` },
    },
    options: {
      expanded: { kind: 'flag', alias: 'e', summary: 'Also look into profiles' },
    },
    next: `warren ${group.group} show`,
    async run({ client }, args: object) {
      const { key: wanted = '', expanded, ...rest } = args as Named & { expanded?: boolean };
      // `config get web`: a single word is a key of warren itself, and all of those have a dot.
      if (rest[group.noun] === undefined && !wanted.includes('.')) {
        throw new UsageError(
          `Cannot run warren ${group.group} get: KEY is missing`,
          `warren ${group.group} get ${wanted} KEY`,
        );
      }
      const value = await client.get<KeyedObject & { expanded_config?: StringMap }>(
        keyedPath(group, rest[group.noun]),
      );
      const config = expanded === true ? (value.expanded_config ?? value.config) : value.config;
      return config[wanted] ?? '';
    },
    render: (value) => ({ text: `${value}\n` }),
  });
}

export function setCommand(group: KeyedGroup): AnyCommand {
  const { name, key, value } = group.example;
  return defineCommand({
    name: `${group.group} set`,
    summary: `Set config keys of ${group.a}`,
    examples: [
      {
        line: `warren ${group.group} set ${name} ${key}=${value}`,
        does: 'live where the key is live',
      },
    ],
    positionals: {
      [group.noun]: nameOf(group),
      assignments: {
        kind: 'some',
        label: 'KEY=VALUE',
        summary: 'Keys and their values; a value of - is read from standard input',
        complete: `${group.noun}-pair`,
      },
    },
    options: {},
    next: `warren ${group.group} show`,
    async run(context, args: object) {
      const { assignments = [], ...rest } = args as { assignments?: readonly string[] };
      const name = (rest as Named)[group.noun];
      // `config set core.x=1 core.y=2` and `config set core.x 1` name no machine: that has no dot.
      const isOwn = name === undefined || (group.group === 'config' && /^[^/]*[.=]/.test(name));
      const words = isOwn && name !== undefined ? [name, ...assignments] : assignments;
      const target = isOwn ? undefined : name;
      refuseSnapshot(group, target);
      const values = await fillFromInput(context, refuseRecords(parseAssignments(words)));
      await setKeys(context, keyedPath(group, target), writableOf(group, target), values);
      return undefined;
    },
  });
}

async function fillFromInput(context: Context, values: StringMap): Promise<StringMap> {
  if (!Object.values(values).includes('-')) return values;
  const { readText } = await import('../client/transport.ts');
  const text = await readText(context.stdin);
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, value === '-' ? text : value]),
  );
}

export function unsetCommand(group: KeyedGroup): AnyCommand {
  const { name, key } = group.example;
  return defineCommand({
    name: `${group.group} unset`,
    summary: `Remove config keys of ${group.a}`,
    examples: [{ line: `warren ${group.group} unset ${name} ${key}`, does: 'back to the default' }],
    positionals: {
      [group.noun]: nameOf(group),
      keys: { kind: 'some', summary: 'Config keys', complete: `${group.noun}-key` },
    },
    options: {},
    next: `warren ${group.group} show`,
    async run(context, args: object) {
      const { keys = [], ...rest } = args as { keys?: readonly string[] };
      const name = (rest as Named)[group.noun];
      refuseSnapshot(group, name);
      refuseRecords(Object.fromEntries(keys.map((key) => [key, ''])));
      await unsetKeys(context, keyedPath(group, name), writableOf(group, name), keys);
      return undefined;
    },
  });
}

export function showCommand(group: KeyedGroup): AnyCommand {
  const { name } = group.example;
  return defineCommand({
    name: `${group.group} show`,
    summary: `Print ${group.a} as YAML`,
    examples: [{ line: `warren ${group.group} show ${name}`, does: 'what edit would show' }],
    positionals: { [group.noun]: nameOf(group) },
    options:
      group.group === 'config'
        ? { expanded: { kind: 'flag' as const, alias: 'e', summary: 'With what profiles add' } }
        : {},
    next: `warren ${group.group} edit`,
    async run(context, args: object) {
      const name = (args as Named)[group.noun];
      return await context.client.get<object>(keyedPath(group, name));
    },
    render: (value, _look, args: object) => ({
      yaml: shownObject(group, value, args as Named & { readonly expanded?: boolean }),
    }),
  });
}

/** What a person is shown: that which can be changed, with `--expanded` as profiles complete it. */
function shownObject(
  group: KeyedGroup,
  value: object,
  args: Named & { readonly expanded?: boolean },
): object {
  if (isSnapshot(group, args[group.noun])) {
    return shownSnapshot(value as InstanceSnapshot, args.expanded === true);
  }
  const shown = pick(value, writableOf(group, args[group.noun]));
  if (args.expanded !== true || !('expanded_config' in value)) return inOrder(shown);
  const { expanded_config: config, expanded_devices: devices } = value as Partial<Instance>;
  return inOrder({ ...shown, config, devices });
}

/** With config and devices by name, wherever each of them came from. */
function inOrder(shown: object): object {
  return Object.fromEntries(
    Object.entries(shown).map(([name, value]: [string, unknown]) => [
      name,
      name === 'config' || name === 'devices' ? sorted(value) : value,
    ]),
  );
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]));
}

/** A snapshot as a person is shown it: its settings once, its own or the expanded ones. */
export function shownSnapshot(snapshot: InstanceSnapshot, isExpanded: boolean): object {
  const { expanded_config: config, expanded_devices: devices, ...shown } = snapshot;
  return inOrder(isExpanded ? { ...shown, config, devices } : shown);
}

export function editCommand(group: KeyedGroup): AnyCommand {
  const { name } = group.example;
  return defineCommand({
    name: `${group.group} edit`,
    summary: `Change ${group.a} in an editor, or from standard input`,
    examples: [{ line: `warren ${group.group} edit ${name}`, does: 'opens $EDITOR' }],
    positionals: { [group.noun]: nameOf(group) },
    options: {},
    next: `warren ${group.group} show`,
    async run(context, args: object) {
      const target = (args as Named)[group.noun];
      const path = keyedPath(group, target);
      await editKeyed(context, target ?? 'warren', path, writableOf(group, target));
      return undefined;
    },
  });
}
