import type { StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, NetworkRecord } from '../types.ts';

export interface CreateNetworkInput {
  readonly name: string;
  readonly description: string;
  /** `ipv4.address` absent or `auto`: a free subnet is chosen. */
  readonly config: StringMap;
}

/** Makes a bridge and brings it up. Throws `exists`, `invalid`. */
export async function createNetwork(
  deps: EngineDeps,
  input: CreateNetworkInput,
): Promise<NetworkRecord> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${input.name}`));
}
