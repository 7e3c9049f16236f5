import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, InstanceRecord, WorkContext } from '../types.ts';

/** The whole new value of each field that is given; what is undefined stays. */
export interface UpdateInstanceInput {
  readonly name: string;
  readonly description?: string | undefined;
  /** `volatile.*` keys that are missing here are kept; an empty value removes a key. */
  readonly config?: StringMap | undefined;
  readonly devices?: DeviceMap | undefined;
  readonly profiles?: readonly string[] | undefined;
  readonly ephemeral?: boolean | undefined;
  /** Called under the machine's lock with the present record; throws `stale` for a wrong ETag. */
  readonly check?: ((current: InstanceRecord) => void) | undefined;
}

/**
 * Validates the result as a whole, applies what is live to a running machine, stores it. Keys that
 * need a restart are stored and take effect at the next start, as LXD does. When applying fails,
 * what was applied is taken back and nothing is stored.
 */
export async function updateInstance(
  deps: EngineDeps,
  input: UpdateInstanceInput,
  context: WorkContext,
): Promise<InstanceRecord> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${input.name} ${context.signal.aborted}`),
  );
}
