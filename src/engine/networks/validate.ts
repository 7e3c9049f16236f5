import { formatIpv4, parseIpv4Range, parseIpv4Subnet } from '../../base/addresses.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import type { NetworkRecord } from '../types.ts';

/** A network is a bridge of the kernel: interface names have at most 15 bytes. */
export function networkNameIssues(name: string): Issue[] {
  if (/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,14}$/.test(name) && name !== 'lo') return [];
  return [
    {
      path: 'name',
      problem: `${JSON.stringify(name.slice(0, 80))} is no name of a network, wanted 1 to 15 letters, digits, dots, dashes and underscores`,
    },
  ];
}

/** Throws `invalid` with every issue of a network as it shall be, beside all `others`. */
export function checkNetwork(
  what: string,
  name: string,
  config: StringMap,
  others: readonly NetworkRecord[],
): void {
  const issues = [
    ...networkNameIssues(name),
    ...validateConfig(config, 'network'),
    ...addressIssues(config, others),
  ];
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

/** All bridges of a user are in one network namespace: two ways to one address would be none. */
function addressIssues(config: StringMap, others: readonly NetworkRecord[]): Issue[] {
  const subnet = parseIpv4Subnet(config['ipv4.address'] ?? '');
  if (subnet === undefined) return [];
  const whole = `${formatIpv4(subnet.first)}-${formatIpv4(subnet.last)}`;
  const issues: Issue[] = [];
  const covers = ({ first, last }: { first: number; last: number }): boolean =>
    subnet.first <= last && first <= subnet.last;
  for (const other of others) {
    const address = other.config['ipv4.address'] ?? '';
    const theirs = parseIpv4Subnet(address);
    if (theirs === undefined || !covers(theirs)) continue;
    const problem = `${whole} has addresses of network ${other.name} (${address}), wanted others or auto`;
    issues.push({ path: 'config.ipv4.address', problem });
  }
  for (const text of (config['ipv4.dhcp.ranges'] ?? '').split(',')) {
    const range = parseIpv4Range(text);
    if (range === undefined) continue;
    if (range.first > subnet.first && range.last < subnet.last) continue;
    const problem = `${text.trim()} is not in the network, wanted addresses within ${whole}`;
    issues.push({ path: 'config.ipv4.dhcp.ranges', problem });
  }
  return issues;
}
