import { readdir, readFile } from 'node:fs/promises';

import { run } from '../../sys/programs/run.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { parseDeb822Sources, parseOneLineSources, type AptSource } from '../recipes/apt-sources.ts';

const aptDir = '/etc/apt';

/** Every source of packages in the host's apt configuration; empty on a host without apt. */
export async function readHostSources(): Promise<AptSource[]> {
  const names = await readdir(`${aptDir}/sources.list.d`).catch(absent<string[]>([]));
  const files = ['sources.list', ...names.sort().map((name) => `sources.list.d/${name}`)];
  const sources: AptSource[] = [];
  for (const file of files) {
    if (!/^sources\.list$|\.(list|sources)$/.test(file)) continue;
    const text = await readFile(`${aptDir}/${file}`, 'utf8').catch(absent(''));
    sources.push(...(file.endsWith('.sources') ? parseDeb822Sources : parseOneLineSources)(text));
  }
  return sources;
}

/**
 * How to reach a mirror, and how strict to be about its dates; nothing else of the host's settings.
 */
const wantedSettings = [
  'Acquire::http::Proxy',
  'Acquire::https::Proxy',
  'Acquire::Check-Valid-Until',
  'Acquire::Check-Date',
  'Acquire::Retries',
];

/** Lines for apt.conf. A proxy on the host's own loopback is only of use to the host. */
export async function readHostSettings(): Promise<{ host: string[]; guest: string[] }> {
  const args = ['dump', '--no-empty', '--format=%f "%v";%n', ...wantedSettings];
  const result = await run('apt-config', args, { what: "read the host's apt settings" });
  const host = result.stdout
    .split('\n')
    .filter((line) => /^Acquire::[A-Za-z:-]+ "[^"\\]+";$/.test(line));
  const guest = host.filter((line) => !/localhost|127\.0\.0\.|\[::1\]/.test(line));
  return { host, guest };
}

/** Handler of a rejection: the value when there is nothing to read, else the error. */
function absent<T>(value: T): (error: unknown) => T {
  return (error) => {
    if (hasErrno(error, 'ENOENT', 'EACCES')) return value;
    throw error;
  };
}
