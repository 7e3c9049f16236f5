import type { NetworkLease } from '../contract/api/networks.ts';

/** A managed bridge, with every value decided (no `auto`). */
export interface BridgeConfig {
  readonly name: string;
  /** Gateway address with prefix, `10.77.0.1/24`, or undefined for none. */
  readonly ipv4: string | undefined;
  readonly nat: boolean;
  readonly dhcp: boolean;
  /** `10.77.0.2-10.77.0.254`. */
  readonly dhcpRange: string | undefined;
  readonly leaseTime: string;
  readonly domain: string;
  readonly mtu: number;
  /** Names in DNS, and fixed addresses, of all machines with a nic here, running or not. */
  readonly reservations: readonly {
    readonly instance: string;
    readonly hwaddr: string;
    readonly address: string | undefined;
  }[];
}

export interface NicSpec {
  readonly instance: string;
  /** Device name, `eth0`. */
  readonly device: string;
  /** Interface name inside. */
  readonly name: string;
  readonly bridge: string;
  readonly hwaddr: string;
  /** Undefined: the bridge's. */
  readonly mtu: number | undefined;
  /** Frames that do not carry `hwaddr`, or not `ipv4` where it is given, are dropped. */
  readonly filter?: { readonly ipv4: string | undefined } | undefined;
  /** Cannot reach other isolated machines on the bridge. */
  readonly isolated?: boolean | undefined;
}

/** Where a published port listens and where it goes. */
export interface ProxySpec {
  readonly instance: string;
  readonly device: string;
  readonly listen: ProxyAddress;
  readonly connect: ProxyAddress;
  /** `host`: listen on the host and connect inside; `instance`: the other way round. */
  readonly bind: 'host' | 'instance';
  /** For a listening unix socket. */
  readonly mode: number;
}

export type ProxyAddress =
  | { readonly kind: 'tcp' | 'udp'; readonly host: string; readonly ports: readonly number[] }
  | { readonly kind: 'unix'; readonly path: string };

export interface NetworkReport {
  readonly uplink: 'slirp4netns' | 'pasta' | 'none';
  readonly why: string;
}

/**
 * The user's switch: one network namespace with the bridges, dnsmasq, nftables rules and the
 * uplink. Everything is discoverable after a daemon's death and adopted, not made twice.
 */
export interface Networks {
  readonly report: NetworkReport;
  /** Makes or adopts the switch and brings every bridge to the given configuration. */
  apply(bridges: readonly BridgeConfig[]): Promise<void>;
  /** veth pair: one end on the bridge, the other as `name` in the machine's network namespace. */
  attach(initPid: number, nic: NicSpec): Promise<{ readonly hostName: string }>;
  /** Removes the pair; what went with the namespace is fine. */
  detach(instance: string, device: string): Promise<void>;
  /** Interfaces on the switch that belong to no machine of the given list are removed. */
  prune(instances: readonly string[]): Promise<void>;
  leases(bridge: BridgeConfig): Promise<NetworkLease[]>;
  /** Forgets the lease of a machine that is gone. */
  releaseLease(bridge: BridgeConfig, hwaddr: string): Promise<void>;
  addProxy(initPid: number, proxy: ProxySpec): Promise<void>;
  removeProxy(instance: string, device: string): Promise<void>;
  /** Interfaces with addresses and counters inside a machine, for `state`. */
  interfaces(
    initPid: number,
  ): Promise<Readonly<Record<string, import('../contract/api/instances.ts').InstanceStateNetwork>>>;
  /** The switch's own interface of a bridge; undefined when it is not up yet. */
  bridge(
    name: string,
  ): Promise<import('../contract/api/instances.ts').InstanceStateNetwork | undefined>;
  /** Ends dnsmasq and the uplink and removes the namespace. */
  close(): Promise<void>;
}
