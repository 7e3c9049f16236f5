import type { StringMap } from '../../contract/api/instances.ts';
import type { ImageFiles } from '../../image/types.ts';
import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';

export interface ImportImageInput {
  /** Already on disk, in a directory of ours; moved into the image store, or removed on failure. */
  readonly files: ImageFiles;
  readonly filename: string;
  /** Override those of the image's metadata. */
  readonly properties: StringMap;
  readonly profiles: readonly string[];
  readonly public: boolean;
  readonly autoUpdate: boolean;
  readonly expiresAtMs: number | undefined;
  /** When given, must match what the files are. */
  readonly fingerprint: string | undefined;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
}

/** Throws `exists` for a fingerprint or alias that is there, `hostile` or `invalid` for bad files. */
export async function importImage(
  deps: EngineDeps,
  input: ImportImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  return Promise.reject(
    new Error(`not yet ${deps.architecture} ${input.filename} ${context.signal.aborted}`),
  );
}
