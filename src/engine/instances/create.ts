import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';

export type CreateSource =
  /** `alias`: local alias, then fingerprint prefix, then a recipe that is built on demand. */
  | { readonly type: 'image'; readonly alias: string }
  | { readonly type: 'image'; readonly fingerprint: string }
  | { readonly type: 'image'; readonly properties: StringMap }
  | { readonly type: 'none' }
  | {
      readonly type: 'copy';
      readonly instance: string;
      /** Copies this snapshot instead of the machine as it is. */
      readonly snapshot?: string | undefined;
      /** Leaves the snapshots behind. */
      readonly instanceOnly: boolean;
    };

export interface CreateInstanceInput {
  /** Must be given: see `chooseInstanceName`. */
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly ephemeral: boolean;
  /** Undefined: the image's profiles or `default` (a copy: the source's). */
  readonly profiles: readonly string[] | undefined;
  readonly source: CreateSource;
}

/** A free name of two words, for a request that gives none. Not reserved until it is used. */
export function chooseInstanceName(deps: EngineDeps): string {
  throw new Error(`not yet ${deps.architecture}`);
}

/**
 * Makes a machine, stopped: image layer for its slice, row, writable directory. Nothing is left
 * behind when it fails. Throws `exists`, `invalid` (every issue at once), `not_found`,
 * `host_lacks` when isolated ids cannot be given.
 */
export async function createInstance(
  deps: EngineDeps,
  input: CreateInstanceInput,
  context: WorkContext,
): Promise<InstanceRecord> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${input.name} ${context.signal.aborted}`),
  );
}
