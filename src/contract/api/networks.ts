import type { StringMap } from './instances.ts';

export interface NetworkPut {
  readonly description: string;
  readonly config: StringMap;
}

/** `GET /1.0/networks/<name>`. */
export interface Network extends NetworkPut {
  readonly name: string;
  readonly type: 'bridge';
  readonly managed: boolean;
  readonly status: 'Created' | 'Pending' | 'Errored';
  readonly locations: readonly string[];
  readonly used_by: readonly string[];
}

/** An element of `GET /1.0/networks/<name>/leases`. */
export interface NetworkLease {
  readonly hostname: string;
  readonly hwaddr: string;
  readonly address: string;
  readonly type: 'static' | 'dynamic' | 'gateway';
  readonly location: 'none';
}

/** `POST /1.0/networks`. */
export interface NetworksPost extends Partial<NetworkPut> {
  readonly name: string;
  /** Empty or absent: `bridge`. */
  readonly type?: string;
}

/** `GET /1.0/networks/<name>/state`. */
export interface NetworkState {
  readonly addresses: readonly {
    readonly family: 'inet' | 'inet6';
    readonly address: string;
    readonly netmask: string;
    readonly scope: 'global' | 'link' | 'local';
  }[];
  readonly counters: {
    readonly bytes_received: number;
    readonly bytes_sent: number;
    readonly packets_received: number;
    readonly packets_sent: number;
  };
  readonly hwaddr: string;
  readonly mtu: number;
  readonly state: 'up' | 'down';
  readonly type: 'broadcast';
}
