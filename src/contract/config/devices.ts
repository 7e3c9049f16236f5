import { isObjectName } from '../../base/names.ts';
import { nearestName } from '../../base/text.ts';
import type { DeviceMap, StringMap } from '../api/instances.ts';
import type { Issue } from '../errors.ts';

import { deviceTypes, unsupportedDeviceTypes, type DeviceTypeRow } from './device-keys.ts';
import { parseProxyAddress } from './proxy-address.ts';
import { keyProblem, printable } from './validate.ts';
import { parseBool, quote } from './values.ts';

/**
 * Everything wrong with a set of devices; empty when it may be stored. Keys with an empty value
 * count as absent. Give it the devices of one profile or instance, or an expanded set.
 */
export function validateDevices(devices: DeviceMap): Issue[] {
  const entries = Object.entries(devices);
  return [
    ...entries.flatMap(([name, device]) =>
      deviceProblems(name, device).map(([key, problem]) => ({
        path: `devices.${printable(name)}${key === '' ? '' : `.${printable(key)}`}`,
        problem,
      })),
    ),
    ...doubles(entries),
  ];
}

/** The type's row, for devices that have been validated. */
function findDeviceType(type: string): DeviceTypeRow | undefined {
  return deviceTypes.find((row) => row.type === type);
}

type Problem = readonly [key: string, problem: string];

function deviceProblems(name: string, device: StringMap): Problem[] {
  if (!isObjectName(name)) {
    return [['', 'the name of a device is at most 63 letters, digits and ._-']];
  }
  const type = device['type'] ?? '';
  const row = findDeviceType(type);
  if (row === undefined) return [['type', typeProblem(type)]];
  const problems: Problem[] = [];
  for (const [key, value] of Object.entries(device)) {
    if (key === 'type') continue;
    const problem = keyProblem(row.keys, row.unsupported, key, value);
    if (problem !== undefined) problems.push([key, problem]);
  }
  for (const { key, required } of row.keys) {
    if (required === true && (device[key] ?? '') === '')
      problems.push([key, `a ${type} device needs it`]);
  }
  return problems.length > 0 ? problems : (together[type]?.(device) ?? []);
}

function typeProblem(type: string): string {
  if (type === '') return `missing, wanted one of ${typeNames().join(', ')}`;
  const refused = unsupportedDeviceTypes.find((row) => row.key === type);
  if (refused !== undefined) return `${quote(type)} is not supported by warren: ${refused.why}`;
  const nearest = nearestName(type, typeNames());
  return `unknown device type ${quote(type)}${nearest === undefined ? '' : `; the nearest name is "${nearest}"`}`;
}

function typeNames(): string[] {
  return deviceTypes.map((row) => row.type);
}

/** Rules about several keys of one device, asked only when each key by itself is right. */
const together: Readonly<Record<string, (device: StringMap) => Problem[]>> = {
  disk: (device) => {
    const isRoot = device['path'] === '/';
    const source = device['source'] ?? '';
    const pool = device['pool'] ?? '';
    const problems: Problem[] = [];
    if (!isRoot && (device['size'] ?? '') !== '') {
      problems.push(['size', 'only the root disk (path=/) has it']);
    }
    if (isRoot && source !== '') problems.push(['source', 'the root disk (path=/) has no source']);
    if (isRoot && pool === '')
      problems.push(['pool', 'the root disk (path=/) needs it, usually "default"']);
    if (!isRoot && source === '') problems.push(['source', 'a disk device needs it']);
    else if (!isRoot && source.startsWith('/') !== (pool === '')) {
      problems.push([
        'source',
        pool === ''
          ? `${quote(source)} is no absolute path; the name of a volume goes with pool=default`
          : `${quote(source)} is no name of a volume, which pool asks for`,
      ]);
    }
    return problems;
  },
  nic: (device) => {
    const network = device['network'] ?? '';
    const parent = device['parent'] ?? '';
    const problems: Problem[] = [];
    if (network === '' && parent === '') problems.push(['network', 'a nic device needs it']);
    if (network !== '' && parent !== '' && network !== parent) {
      problems.push([
        'parent',
        `"${parent}" is not the network "${network}", wanted only one of them`,
      ]);
    }
    if (
      parseBool(device['security.ipv4_filtering'] ?? '') === true &&
      (device['ipv4.address'] ?? '') === ''
    ) {
      problems.push(['security.ipv4_filtering', 'it needs ipv4.address']);
    }
    return problems;
  },
  proxy: (device) => {
    const listen = parseProxyAddress(device['listen'] ?? '');
    const connect = parseProxyAddress(device['connect'] ?? '');
    if (listen === undefined || connect === undefined) return [];
    if ((listen.kind === 'udp') !== (connect.kind === 'udp')) {
      return [['connect', 'udp can only be relayed to udp']];
    }
    const intoMachine = device['bind'] !== 'instance';
    if (intoMachine && connect.kind !== 'unix' && isHiddenLoopback(connect.host)) {
      return [['connect', `${connect.host} means the machine's loopback, wanted 127.0.0.1`]];
    }
    const wanted = listen.kind === 'unix' ? 1 : listen.ports.length;
    const given = connect.kind === 'unix' ? 1 : connect.ports.length;
    return given === 1 || given === wanted
      ? []
      : [['connect', `${given} ports for ${wanted} that listen, wanted one or as many`]];
  },
  'unix-char': (device) =>
    (device['source'] ?? '') === '' && (device['path'] ?? '') === ''
      ? [['source', 'a unix-char device needs source or path']]
      : [],
};

/**
 * Addresses that lead to the loopback without being 127.0.0.1. A connection to that one gets a
 * source of its own, so that no service takes a visitor from outside for a local one
 * (CVE-2021-20199).
 */
function isHiddenLoopback(host: string): boolean {
  if (!host.includes(':')) return host.startsWith('0.');
  const { hostname } = new URL(`http://[${host}]/`);
  return ['[::]', '[::1]'].includes(hostname) || hostname.startsWith('[::ffff:');
}

/** Two devices that want the same place. */
function doubles(entries: readonly (readonly [string, StringMap])[]): Issue[] {
  const owners = new Map<string, string>();
  const issues: Issue[] = [];
  for (const [name, device] of entries) {
    const place = placeOf(name, device);
    if (place === undefined) continue;
    const other = owners.get(place);
    if (other === undefined) owners.set(place, name);
    else
      issues.push({
        path: `devices.${printable(name)}`,
        problem: `"${other}" has the same ${place}`,
      });
  }
  return issues;
}

function placeOf(name: string, device: StringMap): string | undefined {
  if (device['type'] === 'nic') return `interface ${device['name'] ?? name}`;
  if (device['type'] === 'disk') return `path ${(device['path'] ?? '').replace(/(?<=.)\/+$/, '')}`;
  return undefined;
}
