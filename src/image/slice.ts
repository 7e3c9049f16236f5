import type { IdRange } from '../base/id-layout.ts';

/** The U0 ids of the machine an image is unpacked for. */
export type SliceIds = IdRange;
