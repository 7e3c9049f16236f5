import type { DeviceMap, StringMap } from './instances.ts';

export interface ProfilePut {
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

/** `GET /1.0/profiles/<name>`. */
export interface Profile extends ProfilePut {
  readonly name: string;
  /** URLs of instances. */
  readonly used_by: readonly string[];
}

/** `POST /1.0/profiles`. */
export interface ProfilesPost extends Partial<ProfilePut> {
  readonly name: string;
}
