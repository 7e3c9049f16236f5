import type { HostPath } from '../../base/brand.ts';
import type { EngineDeps } from '../types.ts';

export interface ExportFile {
  readonly path: HostPath;
  /** As clients save it: `<fingerprint>.tar.gz`, `meta-<fingerprint>.tar.xz`. */
  readonly filename: string;
  readonly sizeBytes: number;
}

/** The files whose bytes, one after the other, have the fingerprint. `rootfs` for a split image. */
export async function exportImage(
  deps: EngineDeps,
  fingerprint: string,
): Promise<{ readonly metadata: ExportFile; readonly rootfs?: ExportFile }> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${fingerprint}`));
}
