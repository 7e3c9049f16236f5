import type { OwnerRange } from '../../storage/types.ts';
import type { InstanceRecord } from '../types.ts';

/** The U0 ids that own a machine's files. */
export function ownerOf({ slice }: Pick<InstanceRecord, 'slice'>): OwnerRange {
  return { start: slice.start, size: slice.size };
}
