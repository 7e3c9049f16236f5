import type { ImageDeps } from './deps.ts';
import type { Images } from './types.ts';

/** Image work on this host. */
export declare function makeImages(deps: ImageDeps): Images;
