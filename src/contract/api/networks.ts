import type { InstanceStateNetwork, StringMap } from './instances.ts';

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
export type NetworkState = Omit<InstanceStateNetwork, 'host_name'>;
