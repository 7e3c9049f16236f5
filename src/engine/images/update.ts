import type { StringMap } from '../../contract/api/instances.ts';
import type { EngineDeps, ImageRecord } from '../types.ts';

/** What is undefined stays. */
export interface UpdateImageInput {
  readonly fingerprint: string;
  readonly properties?: StringMap | undefined;
  readonly profiles?: readonly string[] | undefined;
  readonly public?: boolean | undefined;
  readonly autoUpdate?: boolean | undefined;
  readonly expiresAtMs?: number | null | undefined;
  readonly check?: ((current: ImageRecord) => void) | undefined;
}

export function updateImage(deps: EngineDeps, input: UpdateImageInput): ImageRecord {
  throw new Error(`not yet ${deps.architecture} ${input.fingerprint}`);
}
