import type { StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';

export interface PublishImageInput {
  readonly instance: string;
  readonly snapshot: string | undefined;
  /** Undefined: those of the image the machine came from. */
  readonly properties: StringMap | undefined;
  readonly public: boolean;
  readonly expiresAtMs: number | undefined;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
}

/** Makes an image of a stopped machine or of a snapshot. Throws `wrong_state` when it runs. */
export async function publishImage(
  deps: EngineDeps,
  input: PublishImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${input.instance} ${context.signal.aborted}`),
  );
}
