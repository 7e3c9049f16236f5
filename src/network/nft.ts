import { bridgeHwaddr } from './addressing.ts';
import type { BridgeConfig } from './types.ts';

/** What the rules need to know of the uplink. */
export interface UplinkFacts {
  readonly device: string;
  /** The uplink's own subnet, where it plays the host; no machine has business there. */
  readonly subnet: string;
}

/**
 * The switch's rules (man 8 nft), replaced as one transaction. Machines reach their own bridge, of
 * the switch itself only DHCP, DNS and ping, and the outside where the bridge has NAT; networks are
 * apart from each other. Link-local addresses stay inside: behind them is the host's own link, such
 * as the metadata service of a cloud.
 */
export function switchRules(
  bridges: readonly BridgeConfig[],
  uplink: UplinkFacts | undefined,
): string {
  const served = bridges.filter(({ ipv4 }) => ipv4 !== undefined);
  const out = uplink === undefined ? [] : served.filter(({ nat }) => nat);
  const device = `"${uplink?.device ?? ''}"`;
  return lines(
    'add table ip warren',
    'delete table ip warren',
    'table ip warren {',
    '  chain input {',
    '    type filter hook input priority filter; policy drop;',
    '    iifname "lo" accept',
    '    ct state established,related accept',
    '    icmp type echo-request accept',
    ...served.map(({ name }) => `    iifname "${name}" udp dport { 53, 67 } accept`),
    ...served.map(({ name }) => `    iifname "${name}" tcp dport 53 accept`),
    '  }',
    '  chain forward {',
    '    type filter hook forward priority filter; policy drop;',
    '    ct state established,related accept',
    ...bridges.flatMap(({ name }) => [
      // What the gateway is to hand on to the bridge that it came from: the way round a port's
      // isolation.
      `    iifname "${name}" oifname "${name}" ether daddr ${bridgeHwaddr(name)} drop`,
      `    iifname "${name}" oifname "${name}" accept`,
    ]),
    ...(uplink === undefined
      ? []
      : [`    ip daddr { ${uplink.subnet}, 127.0.0.0/8, 169.254.0.0/16 } drop`]),
    ...out.map(({ name }) => `    iifname "${name}" oifname ${device} accept`),
    '  }',
    '  chain postrouting {',
    '    type nat hook postrouting priority srcnat; policy accept;',
    ...out.map(({ name }) => `    iifname "${name}" oifname ${device} masquerade`),
    '  }',
    '}',
    // The map and its chains belong to the ports and outlive this.
    'add table bridge warren',
    'add map bridge warren ports { type ifname : verdict; }',
    'add chain bridge warren guard { type filter hook prerouting priority -300; policy accept; }',
    'flush chain bridge warren guard',
    'add rule bridge warren guard iifname vmap @ports',
  );
}

/** Lets only frames of `hwaddr`, and of `ipv4` where it is given, in from a port. */
export function guardPort(port: string, hwaddr: string, ipv4: string | undefined): string {
  const rule = (text: string): string => `add rule bridge warren port-${port} ${text}`;
  return lines(
    `add chain bridge warren port-${port}`,
    `flush chain bridge warren port-${port}`,
    rule(`ether saddr != ${hwaddr} drop`),
    // Who gets a frame with a tag of VLAN 0 takes it for one without, and no rule below sees into
    // it.
    rule('ether type { 8021q, 8021ad } drop'),
    rule(`ether type arp arp saddr ether != ${hwaddr} drop`),
    ...(ipv4 === undefined
      ? []
      : [
          // 0.0.0.0: asking by ARP whether the address is free, and asking DHCP for one.
          rule(`ether type arp arp saddr ip != { ${ipv4}, 0.0.0.0 } drop`),
          rule('ether type ip ip saddr 0.0.0.0 udp dport != 67 drop'),
          rule(`ether type ip ip saddr != { ${ipv4}, 0.0.0.0 } drop`),
          rule('ether type != { ip, arp } drop'),
        ]),
    `add element bridge warren ports { "${port}" : jump port-${port} }`,
  );
}

/** Takes the guard of a port away, which must have one. */
export function unguardPort(port: string): string {
  return lines(
    `delete element bridge warren ports { "${port}" }`,
    `flush chain bridge warren port-${port}`,
    `delete chain bridge warren port-${port}`,
  );
}

/** Ports that have a guard, from `nft list map bridge warren ports`. */
export function parseGuarded(text: string): string[] {
  return [...text.matchAll(/"([^"]+)" : jump/g)].map(([, port]) => port ?? '');
}

function lines(...all: readonly string[]): string {
  return `${all.join('\n')}\n`;
}
