import { readFile } from 'node:fs/promises';

import { type Ipv4Subnet, parseIpv4Subnet } from '../../base/addresses.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';

type Range = Pick<Ipv4Subnet, 'first' | 'last'>;

/**
 * The gateway address for a network that leaves the choice to warren: the first of 10.77.0.0/24 …
 * 10.77.255.0/24 that neither a route of the host nor another network uses. Throws `host_lacks`.
 */
export async function chooseSubnet(deps: Pick<EngineDeps, 'store'>): Promise<string> {
  const taken = [...(await readHostRoutes()), ...networkRanges(deps)];
  const subnet = firstFree(taken);
  if (subnet !== undefined) return subnet;
  throw new WarrenError('host_lacks', {
    what: 'choose addresses for the network',
    found: 'every subnet of 10.77.0.0/16 is taken',
    wanted: 'one that is free',
    hint: 'warren network create NAME ipv4.address=192.168.77.1/24',
  });
}

function firstFree(taken: readonly Range[]): string | undefined {
  for (let third = 0; third < 256; third++) {
    const text = `10.77.${third}.1/24`;
    const subnet = parseIpv4Subnet(text);
    if (subnet === undefined) continue;
    if (!taken.some(({ first, last }) => first <= subnet.last && subnet.first <= last)) return text;
  }
  return undefined;
}

function networkRanges(deps: Pick<EngineDeps, 'store'>): Range[] {
  return deps.store.networks
    .list()
    .flatMap(({ config }) => parseIpv4Subnet(config['ipv4.address'] ?? '') ?? []);
}

/**
 * U0 shares the host's network namespace. The default route covers everything and counts for
 * nothing.
 */
async function readHostRoutes(): Promise<Range[]> {
  return parseRoutes(await readFile('/proc/net/route', 'utf8').catch(() => ''));
}

/** /proc/net/route: addresses are little-endian hexadecimal numbers. */
function parseRoutes(text: string): Range[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const fields = line.split('\t');
      const destination = fields[1];
      const mask = fields[7];
      if (destination === undefined || mask === undefined) return [];
      const first = fromLittleEndian(destination);
      const size = 2 ** 32 - fromLittleEndian(mask);
      if (Number.isNaN(first) || Number.isNaN(size) || size === 2 ** 32) return [];
      return [{ first, last: first + size - 1 }];
    });
}

function fromLittleEndian(hex: string): number {
  return /^[0-9A-F]{8}$/i.test(hex) ? Buffer.from(hex, 'hex').readUInt32LE() : NaN;
}
