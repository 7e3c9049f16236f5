import { describe, expect, it } from 'vitest';

import { guardPort, parseGuarded, switchRules, unguardPort } from '../../../src/network/nft.ts';
import type { BridgeConfig } from '../../../src/network/types.ts';

const bridge: BridgeConfig = {
  name: 'warrenbr0',
  ipv4: '10.77.0.1/24',
  nat: true,
  dhcp: true,
  dhcpRange: undefined,
  leaseTime: '1h',
  domain: 'warren',
  mtu: 1500,
  reservations: [],
};
const uplink = { device: 'tap0', subnet: '198.18.77.0/24' };

function chain(rules: string, name: string): string {
  return (
    new RegExp(`chain ${name} \\{([^}]*(?:\\{[^}]*\\}[^}]*)*)\\n {2}\\}`).exec(rules)?.[1] ?? ''
  );
}

describe('switchRules', () => {
  it('lets machines out only where their bridge has NAT', () => {
    const closed = { ...bridge, name: 'closed', nat: false };
    const rules = switchRules([bridge, closed], uplink);
    expect(chain(rules, 'forward')).toContain('iifname "warrenbr0" oifname "tap0" accept');
    expect(chain(rules, 'postrouting')).toContain('iifname "warrenbr0" oifname "tap0" masquerade');
    expect(rules).not.toContain('iifname "closed" oifname "tap0"');
  });

  it("drops what goes to the uplink's own subnet and to link-local addresses before it lets anything out", () => {
    const forward = chain(switchRules([bridge], uplink), 'forward');
    const drop = forward.indexOf('ip daddr { 198.18.77.0/24, 127.0.0.0/8, 169.254.0.0/16 } drop');
    expect(drop).toBeGreaterThan(0);
    expect(drop).toBeLessThan(forward.indexOf('oifname "tap0" accept'));
    expect(forward).toContain('policy drop');
  });

  it('has no rule that leads from one bridge to another', () => {
    const forward = chain(switchRules([bridge, { ...bridge, name: 'lab' }], uplink), 'forward');
    expect(forward).not.toMatch(
      /iifname "lab" oifname "warrenbr0"|iifname "warrenbr0" oifname "lab"/,
    );
  });

  it('opens of the switch itself only DHCP, DNS and ping', () => {
    const input = chain(switchRules([bridge], uplink), 'input');
    expect(input).toContain('policy drop');
    expect(input.match(/accept/g)).toHaveLength(5);
    expect(input).toContain('iifname "warrenbr0" udp dport { 53, 67 } accept');
    expect(input).toContain('iifname "warrenbr0" tcp dport 53 accept');
  });

  it('works without an uplink and without an address', () => {
    const rules = switchRules([{ ...bridge, ipv4: undefined }], undefined);
    expect(rules).toContain('iifname "warrenbr0" oifname "warrenbr0" accept');
    expect(rules).not.toMatch(/masquerade|dport|ip daddr/);
  });
});

describe('a guarded port', () => {
  it('is found again in what nft lists', () => {
    const listing = `table bridge warren {
	map ports {
		type ifname : verdict
		elements = { "veth0123456789a" : jump port-veth0123456789a,
			     "vethabcdefabcde" : jump port-vethabcdefabcde }
	}
}`;
    expect(parseGuarded(listing)).toEqual(['veth0123456789a', 'vethabcdefabcde']);
    expect(parseGuarded('table bridge warren {\n}')).toEqual([]);
  });

  it('passes only its hardware address, and its address where one is given', () => {
    const mac = guardPort('veth1', '00:16:3e:00:00:01', undefined);
    expect(mac).toContain('ether saddr != 00:16:3e:00:00:01 drop');
    expect(mac).not.toContain('ip saddr');
    expect(mac).toContain('ether type { 8021q, 8021ad } drop');
    const address = guardPort('veth1', '00:16:3e:00:00:01', '10.77.0.9');
    expect(address).toContain('arp saddr ip != { 10.77.0.9, 0.0.0.0 } drop');
    expect(address).toContain('ether type ip ip saddr != { 10.77.0.9, 0.0.0.0 } drop');
    expect(address).toContain('ether type != { ip, arp } drop');
  });

  it('goes with its chain', () => {
    expect(unguardPort('veth1').trim().split('\n')).toEqual([
      'delete element bridge warren ports { "veth1" }',
      'flush chain bridge warren port-veth1',
      'delete chain bridge warren port-veth1',
    ]);
  });
});
