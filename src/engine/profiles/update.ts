import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, ProfileRecord } from '../types.ts';

/** What is undefined stays; an empty value removes a key. */
export interface UpdateProfileInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly config?: StringMap | undefined;
  readonly devices?: DeviceMap | undefined;
  readonly check?: ((current: ProfileRecord) => void) | undefined;
}

/** Stores it and applies what is live to every running machine that uses it. */
export async function updateProfile(
  deps: EngineDeps,
  input: UpdateProfileInput,
): Promise<ProfileRecord> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${input.name}`));
}
