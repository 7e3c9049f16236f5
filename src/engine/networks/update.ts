import type { StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, NetworkRecord } from '../types.ts';

/** What is undefined stays; an empty value removes a key. */
export interface UpdateNetworkInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly config?: StringMap | undefined;
  readonly check?: ((current: NetworkRecord) => void) | undefined;
}

export async function updateNetwork(
  deps: EngineDeps,
  input: UpdateNetworkInput,
): Promise<NetworkRecord> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${input.name}`));
}
