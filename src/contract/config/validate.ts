import { hasControlCharacter, nearestName } from '../../base/text.ts';
import type { StringMap } from '../api/instances.ts';
import type { Issue } from '../errors.ts';

import { instanceKeys } from './instance-keys.ts';
import { findRow, type KeyRow, type UnsupportedKey } from './key.ts';
import { networkKeys, unsupportedNetworkKeys } from './network-keys.ts';
import { poolKeys, unsupportedPoolKeys } from './pool-keys.ts';
import { projectKeys, unsupportedProjectKeys } from './project-keys.ts';
import { serverKeys, unsupportedServerKeys } from './server-keys.ts';
import { unsupportedInstanceKeys } from './unsupported-instance-keys.ts';
import { quote, valueProblem } from './values.ts';
import { unsupportedVolumeKeys, volumeKeys } from './volume-keys.ts';

/** Whose config it is. A profile may hold no keys that belong to one machine. */
export type ConfigContext =
  'instance' | 'profile' | 'network' | 'pool' | 'volume' | 'project' | 'server';

interface KeyTable {
  readonly rows: readonly KeyRow[];
  readonly unsupported: readonly UnsupportedKey[];
}

const instanceTable: KeyTable = { rows: instanceKeys, unsupported: unsupportedInstanceKeys };

/** The key table of a context. */
export const configTables: Readonly<Record<ConfigContext, KeyTable>> = {
  instance: instanceTable,
  profile: instanceTable,
  network: { rows: networkKeys, unsupported: unsupportedNetworkKeys },
  pool: { rows: poolKeys, unsupported: unsupportedPoolKeys },
  volume: { rows: volumeKeys, unsupported: unsupportedVolumeKeys },
  project: { rows: projectKeys, unsupported: unsupportedProjectKeys },
  server: { rows: serverKeys, unsupported: unsupportedServerKeys },
};

/**
 * Everything wrong with a config, in the order of its keys; empty when it may be stored. Values of
 * the empty string count as unset (see `dropEmpty`). Paths of issues are `config.KEY`.
 */
export function validateConfig(config: StringMap, context: ConfigContext): Issue[] {
  const { rows, unsupported } = configTables[context];
  const issues = Object.entries(config).flatMap(([key, value]): Issue[] => {
    const row = findRow<KeyRow>(rows, key);
    const problem =
      context === 'profile' && row?.instanceOnly === true
        ? 'it belongs to one machine and cannot stand in a profile'
        : keyProblem(rows, unsupported, key, value);
    return problem === undefined ? [] : [{ path: `config.${printable(key)}`, problem }];
  });
  return context === 'instance' || context === 'profile'
    ? [...issues, ...conflicts(config)]
    : issues;
}

/** What is wrong with one key and its value, as a clause, or undefined. */
export function keyProblem(
  rows: readonly KeyRow[],
  unsupported: readonly UnsupportedKey[],
  key: string,
  value: string,
): string | undefined {
  if (hasControlCharacter(key)) return 'the name of a key cannot hold control characters';
  const row = findRow(rows, key);
  if (row === undefined) {
    const refused = findRow(unsupported, key);
    if (refused !== undefined) return `${quote(key)} is not supported by warren: ${refused.why}`;
    const nearest = nearestName(key, exactNames(rows));
    return `unknown key${nearest === undefined ? '' : `; the nearest name is "${nearest}"`}`;
  }
  const rest = key.slice(row.key.length - 1);
  if (row.rest !== undefined && !row.rest.pattern.test(rest)) {
    return `${quote(rest)} is not valid, wanted ${row.rest.wanted}`;
  }
  return valueProblem(row, value);
}

/**
 * The config without keys whose value is empty: clients unset a key by sending the empty string.
 */
export function dropEmpty(config: StringMap): StringMap {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== ''));
}

/** Whether a change of the key takes effect on a running machine. Unknown keys do not. */
export function isLive(key: string): boolean {
  return findRow<KeyRow>(instanceKeys, key)?.live === true;
}

/** An untrusted key as part of an issue's path. */
export function printable(key: string): string {
  return hasControlCharacter(key) || key.length > 80 ? quote(key) : key;
}

function exactNames(rows: readonly KeyRow[]): string[] {
  return rows.filter((row) => !row.key.endsWith('*')).map((row) => row.key);
}

/** Rules that need two keys. */
function conflicts(config: StringMap): Issue[] {
  const issues: Issue[] = [];
  const isSet = (key: string): boolean => (config[key] ?? '') !== '';
  if (isSet('security.idmap.base') && config['security.idmap.isolated'] === 'false') {
    issues.push({
      path: 'config.security.idmap.base',
      problem:
        'a slice with a base of its own is isolated, wanted security.idmap.isolated unset or true',
    });
  }
  if (isSet('security.idmap.size') && config['security.idmap.isolated'] === 'false') {
    issues.push({
      path: 'config.security.idmap.size',
      problem:
        'ids that machines share are 65536, wanted security.idmap.isolated unset or true for another number',
    });
  }
  for (const row of instanceKeys as readonly KeyRow[]) {
    const names = [row.key, ...(row.oldNames ?? [])].filter(isSet);
    const [first, second] = names;
    if (first !== undefined && second !== undefined) {
      issues.push({
        path: `config.${second}`,
        problem: `it is the old name of ${first}, wanted only one`,
      });
    }
  }
  return issues;
}
