import type { ImageFiles, WorkContext } from '../types.ts';

/** An image that a server has for us. */
export interface OfferedImage {
  /** Of the files one after the other; what is downloaded must come to it. */
  readonly fingerprint: string;
  readonly filename: string;
  /** Besides what the files say themselves. */
  readonly properties: Readonly<Record<string, string>>;
  readonly expiresAtMs: number | undefined;
  /** Writes its files to `target`. The caller removes them on failure. */
  download(target: Required<ImageFiles>, context: WorkContext): Promise<ImageFiles>;
}

/** Where images come from. */
export interface ImageServer {
  /**
   * The image of that name as the server has it now. Throws `not_found`, `host_lacks`, `hostile`.
   */
  find(reference: string, context: Pick<WorkContext, 'signal'>): Promise<OfferedImage>;
}

const intervalMs = 200;

/** Tells how far a download is, a few times a second. */
export function reportBytes({
  progress,
}: Pick<WorkContext, 'progress'>): (bytes: number, ofBytes: number | undefined) => void {
  let next = 0;
  return (bytes, ofBytes) => {
    if (performance.now() < next) return;
    next = performance.now() + intervalMs;
    const percent = ofBytes === undefined ? undefined : Math.floor((100 * bytes) / ofBytes);
    progress({ stage: 'downloading', percent });
  };
}
