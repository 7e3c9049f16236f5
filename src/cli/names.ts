import { apiPath } from '../client/client.ts';
import { plain } from './render/look.ts';
import { UsageError } from './usage-error.ts';

import type { StringMap } from '../contract/api/instances.ts';

/** `web` or `web/before-upgrade`. */
export interface InstanceRef {
  readonly instance: string;
  readonly snapshot: string | undefined;
}

/** There is one server, so the only remote that a name may carry is `local:`. */
export function stripRemote(name: string): string {
  const match = /^([A-Za-z0-9_-]*):(.*)$/s.exec(name);
  if (match === null) return name;
  const [, remote = '', rest = ''] = match;
  if (remote !== 'local' && remote !== '') {
    // What `ubuntu:24.04` is there, `ubuntu/24.04` is here.
    const here = /^ubuntu\b/.test(remote) && rest !== '' ? `ubuntu/${rest}` : rest;
    throw new UsageError(
      `Cannot use "${name}": there is no remote "${remote}", warren has one server and no others`,
      `the same command with ${here === '' ? 'a name' : here}`,
    );
  }
  return rest;
}

/** A machine, or a snapshot of one. Throws `UsageError`. */
export function parseInstanceRef(word: string): InstanceRef {
  const [instance = '', snapshot, ...more] = stripRemote(word).split('/');
  if (instance === '' || snapshot === '' || more.length > 0) {
    throw new UsageError(`Cannot use "${word}": wanted INSTANCE or INSTANCE/SNAPSHOT`);
  }
  return { instance, snapshot };
}

/** A snapshot as two words, `web before-upgrade`, or as one, `web/before-upgrade`. */
export function parseSnapshotRef(
  word: string,
  name: string | undefined,
): InstanceRef & { readonly snapshot: string } {
  const { instance, snapshot } = parseInstanceRef(name === undefined ? word : `${word}/${name}`);
  if (snapshot !== undefined) return { instance, snapshot };
  throw new UsageError(
    `Cannot tell which snapshot of ${instance}: wanted its name`,
    `warren snapshot list ${instance}`,
  );
}

/**
 * Several of one machine, `web snap0 snap1`, or each as one word, `web/snap0 db/snap1`; each once.
 */
export function parseSnapshotRefs(
  word: string,
  names: readonly string[],
): readonly ReturnType<typeof parseSnapshotRef>[] {
  const refs =
    names.length > 0 && parseInstanceRef(word).snapshot === undefined
      ? names.map((name) => parseSnapshotRef(word, name))
      : [word, ...names].map((each) => parseSnapshotRef(each, undefined));
  return [...new Map(refs.map((ref) => [refPath(ref), ref])).values()];
}

/** The URL of a machine, or of a snapshot of one. */
export function refPath({ instance, snapshot }: InstanceRef): string {
  return snapshot === undefined
    ? apiPath('instances', instance)
    : apiPath('instances', instance, 'snapshots', snapshot);
}

/** `web/etc/hosts`: a machine and an absolute path in it. */
export function parseGuestPath(word: string): { readonly instance: string; readonly path: string } {
  const name = stripRemote(word);
  const slash = name.indexOf('/');
  if (slash <= 0) {
    throw new UsageError(`Cannot use "${word}": wanted INSTANCE/PATH, such as web/etc/hosts`);
  }
  return { instance: name.slice(0, slash), path: name.slice(slash) };
}

/** `KEY=VALUE` words; also `KEY VALUE`, two words, as older scripts write it. */
export function parseAssignments(words: readonly string[]): Readonly<Record<string, string>> {
  const [key = '', value] = words;
  if (words.length === 2 && value !== undefined && !key.includes('=')) return { [key]: value };
  return Object.fromEntries(words.map(parseAssignment));
}

/** One `KEY=VALUE`. Throws `UsageError`. */
export function parseAssignment(word: string): readonly [key: string, value: string] {
  const equals = word.indexOf('=');
  if (equals <= 0) throw new UsageError(`Cannot use "${word}": wanted KEY=VALUE`);
  return [word.slice(0, equals), word.slice(equals + 1)];
}

/**
 * The same keys, unless one is a record of warren's: the server drops those, as LXD's clients send
 * them back unasked. Throws `UsageError`.
 */
export function refuseRecords(keys: StringMap): StringMap {
  const record = Object.keys(keys).find((key) => key.startsWith('volatile.'));
  if (record === undefined) return keys;
  throw new UsageError(
    `Cannot change ${plain(record.slice(0, 80))}: volatile.* are warren's own records, wanted a key such as user.NAME`,
    /\.hwaddr$/.test(record) ? 'warren config device set NAME DEVICE hwaddr=…' : undefined,
  );
}

/** `-d eth0,ipv4.address=10.77.0.5`: keys by device, in the order given. */
export function parseDeviceOptions(
  words: readonly string[],
): ReadonlyMap<string, Readonly<Record<string, string>>> {
  const devices = new Map<string, Record<string, string>>();
  for (const word of words) {
    const comma = word.indexOf(',');
    if (comma <= 0) throw new UsageError(`Cannot use -d ${word}: wanted DEVICE,KEY=VALUE`);
    const device = word.slice(0, comma);
    const [key, value] = parseAssignment(word.slice(comma + 1));
    devices.set(device, { ...devices.get(device), [key]: value });
  }
  return devices;
}
