import { parseIpv4 } from '../../base/addresses.ts';
import { nearestName } from '../../base/text.ts';
import { parseSize } from '../../base/units.ts';
import type { StringMap } from '../api/instances.ts';
import { deviceTypes } from '../config/device-keys.ts';
import { instanceKeys } from '../config/instance-keys.ts';
import { findRow, type KeyRow } from '../config/key.ts';
import { printable, validateConfig } from '../config/validate.ts';
import { quote } from '../config/values.ts';
import type { Issue } from '../errors.ts';
import { matchesPattern, type Ceilings, type Policy } from './policy.ts';

export type ParsedPolicy = { readonly policy: Policy } | { readonly issues: readonly Issue[] };

/** A policy from what its YAML says, or everything wrong with it. Unknown names are errors. */
export function parsePolicy(document: unknown): ParsedPolicy {
  const read = new Reader();
  const top = read.map('', document ?? {}, [
    'machines',
    'each',
    'together',
    'force',
    'deny',
    'devices',
    'images',
  ]);
  const devices = read.map('devices', top['devices'] ?? {}, ['types', 'paths', 'listen']);
  const policy: Policy = {
    ...given('machines', read.count('machines', top['machines'])),
    each: read.ceilings('each', top['each']),
    together: read.ceilings('together', top['together']),
    force: read.forced('force', top['force'] ?? {}),
    deny: read.list('deny', top['deny'], denyProblem) ?? [],
    devices: {
      ...given('types', read.list('devices.types', devices['types'], typeProblem)),
      ...given('paths', read.list('devices.paths', devices['paths'], pathProblem)),
      ...given('listen', read.list('devices.listen', devices['listen'], addressProblem)),
    },
    ...given('images', read.list('images', top['images'], imageProblem)),
  };
  return read.issues.length === 0 ? { policy } : { issues: read.issues };
}

type Problem = (text: string) => string | undefined;

class Reader {
  readonly issues: Issue[] = [];

  issue(path: string, problem: string): void {
    this.issues.push({ path, problem });
  }

  map(path: string, value: unknown, names?: readonly string[]): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      this.issue(path, `${show(value)} is not valid, wanted names with values`);
      return {};
    }
    for (const name of Object.keys(value)) {
      if (names === undefined || names.includes(name)) continue;
      const nearest = nearestName(name, names);
      const hint =
        nearest === undefined ? `wanted ${names.join(', ')}` : `the nearest is "${nearest}"`;
      this.issue(path === '' ? printable(name) : `${path}.${printable(name)}`, `unknown; ${hint}`);
    }
    return value as Record<string, unknown>;
  }

  count(path: string, value: unknown, least = 0): number | undefined {
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    this.issue(path, `${show(value)} is not valid, wanted a whole number from ${least}`);
    return undefined;
  }

  size(path: string, value: unknown): number | undefined {
    if (value === undefined) return undefined;
    const bytes = typeof value === 'string' ? parseSize(value) : undefined;
    if (bytes !== undefined && bytes > 0) return bytes;
    this.issue(path, `${show(value)} is not valid, wanted a size such as 2GiB`);
    return undefined;
  }

  ceilings(path: string, value: unknown): Ceilings {
    const map = this.map(path, value ?? {}, ['memory', 'cpu', 'processes', 'disk']);
    return {
      ...given('memoryBytes', this.size(`${path}.memory`, map['memory'])),
      ...given('cpus', this.cpus(`${path}.cpu`, map['cpu'])),
      ...given('processes', this.count(`${path}.processes`, map['processes'], 1)),
      ...given('diskBytes', this.size(`${path}.disk`, map['disk'])),
    };
  }

  cpus(path: string, value: unknown): number | undefined {
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0.01) return value;
    this.issue(path, `${show(value)} is not valid, wanted a number of CPUs such as 2 or 0.5`);
    return undefined;
  }

  list(path: string, value: unknown, problemOf: Problem): readonly string[] | undefined {
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) {
      this.issue(path, `${show(value)} is not valid, wanted a list`);
      return undefined;
    }
    return value.flatMap((entry: unknown, index) => {
      const problem = typeof entry === 'string' ? problemOf(entry) : 'wanted text, in quotes';
      if (problem === undefined) return [entry as string];
      this.issue(`${path}[${index}]`, `${show(entry)} is not valid: ${problem}`);
      return [];
    });
  }

  forced(path: string, value: unknown): StringMap {
    const map = this.map(path, value);
    const entries = Object.entries(map).flatMap(([key, text]): [string, string][] => {
      if (typeof text === 'string' && text !== '') return [[key, text]];
      this.issue(`${path}.${printable(key)}`, `${show(text)} is not valid, wanted text, in quotes`);
      return [];
    });
    const config = Object.fromEntries(entries);
    for (const { path: key, problem } of validateConfig(config, 'profile')) {
      this.issue(`${path}${key.replace(/^config/, '')}`, problem);
    }
    return config;
  }
}

function denyProblem(pattern: string): string | undefined {
  const rows: readonly KeyRow[] = instanceKeys;
  const row = findRow(rows, pattern);
  const reached = rows.filter(({ key }) => matchesPattern([pattern], key));
  const all = row === undefined ? reached : [row, ...reached];
  if (all.some((one) => one.instanceOnly === true)) return 'these keys are records of warren';
  if (all.length > 0) return undefined;
  const nearest = nearestName(
    pattern,
    rows.map(({ key }) => key),
  );
  return `there is no such key${nearest === undefined ? '' : `; the nearest is "${nearest}"`}`;
}

function typeProblem(type: string): string | undefined {
  const types = deviceTypes.map((row) => row.type);
  return types.includes(type) ? undefined : `wanted one of ${types.join(', ')}`;
}

function pathProblem(path: string): string | undefined {
  const isPlain =
    path.startsWith('/') && !path.split('/').some((part) => part === '..' || part === '.');
  return isPlain ? undefined : 'wanted an absolute path without ..';
}

function addressProblem(address: string): string | undefined {
  const isAddress = parseIpv4(address) !== undefined || URL.canParse(`http://[${address}]/`);
  return isAddress ? undefined : 'wanted an address such as 127.0.0.1';
}

/**
 * Any text may be the beginning of a recipe's name; what looks like a fingerprint must be a whole
 * one.
 */
function imageProblem(source: string): string | undefined {
  if (source === 'import' || source === 'publish' || /^[0-9a-f]{64}$/.test(source))
    return undefined;
  return /^[a-z][a-z0-9./-]*\*?$/.test(source) && !/^[0-9a-f]{12,}$/.test(source)
    ? undefined
    : 'wanted a recipe such as debian/*, import, publish, or a whole fingerprint';
}

function given<Name extends string, T>(name: Name, value: T | undefined): Partial<Record<Name, T>> {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, T>);
}

function show(value: unknown): string {
  return typeof value === 'string' ? quote(value) : quote(JSON.stringify(value)).slice(1, -1);
}
