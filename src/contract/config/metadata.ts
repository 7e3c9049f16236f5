import { deviceTypes, unsupportedDeviceTypes } from './device-keys.ts';
import type { KeyRow, UnsupportedKey } from './key.ts';
import { configTables } from './validate.ts';

/** One key in `GET /1.0/metadata/configuration`, with LXD's field names. */
export interface KeyMetadata {
  readonly shortdesc: string;
  readonly longdesc: string;
  readonly type: 'bool' | 'integer' | 'string';
  readonly defaultdesc?: string;
  readonly liveupdate?: 'yes' | 'no';
  readonly required?: 'yes';
}

type Group = Readonly<Record<string, { readonly keys: readonly Record<string, KeyMetadata>[] }>>;

/**
 * The key tables as `GET /1.0/metadata/configuration` answers them; the reference is printed from
 * it.
 */
export function configurationMetadata(): {
  readonly configs: Readonly<Record<string, Group>>;
  /** warren's own: what of LXD is refused, with the reason. */
  readonly unsupported: Readonly<Record<string, readonly UnsupportedKey[]>>;
} {
  const { instance, network, pool, volume, project, server } = configTables;
  return {
    configs: {
      instance: groups(instance.rows),
      'network-bridge': groups(network.rows),
      'storage-pool': groups(pool.rows),
      'storage-volume': groups(volume.rows),
      project: groups(project.rows),
      server: groups(server.rows),
      ...Object.fromEntries(
        deviceTypes.map((row) => [`device-${row.type}`, { 'device-conf': keysOf(row.keys) }]),
      ),
    },
    unsupported: {
      instance: instance.unsupported,
      network: network.unsupported,
      'storage-pool': pool.unsupported,
      'storage-volume': volume.unsupported,
      project: project.unsupported,
      server: server.unsupported,
      devices: unsupportedDeviceTypes,
      ...Object.fromEntries(deviceTypes.map((row) => [`device-${row.type}`, row.unsupported])),
    },
  };
}

/** Keys by the word before their first dot. */
function groups(rows: readonly KeyRow[]): Group {
  const byGroup = new Map<string, KeyRow[]>();
  for (const row of rows) {
    const name = row.key.split('.')[0] ?? row.key;
    byGroup.set(name, [...(byGroup.get(name) ?? []), row]);
  }
  return Object.fromEntries([...byGroup].map(([name, members]) => [name, keysOf(members)]));
}

function keysOf(rows: readonly KeyRow[]): Group[string] {
  return { keys: rows.map((row) => ({ [row.key]: describe(row) })) };
}

function describe(row: KeyRow): KeyMetadata {
  const { summary, type, live, values, why } = row;
  const choices = values === undefined ? '' : ` Only ${values.join(' or ')}`;
  const reason = why === undefined ? '' : `: ${why}`;
  return {
    shortdesc: summary,
    longdesc: choices === '' ? '' : `${choices.trim()}${reason}.`,
    type: type === 'bool' || type === 'integer' ? type : 'string',
    ...(row.default === undefined ? {} : { defaultdesc: row.default }),
    liveupdate: live ? 'yes' : 'no',
    ...(row.required === true ? { required: 'yes' as const } : {}),
  };
}
