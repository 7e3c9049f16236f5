import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, ProfileRecord } from '../types.ts';

export interface CreateProfileInput {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

/** Throws `exists`, `invalid`. */
export function createProfile(deps: EngineDeps, input: CreateProfileInput): ProfileRecord {
  throw new Error(`not yet ${deps.architecture} ${input.name}`);
}
