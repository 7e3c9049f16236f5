import { isDeepStrictEqual } from 'node:util';

import type { Expanded } from '../../contract/config/expand.ts';
import { isLive } from '../../contract/config/validate.ts';

/** Keys whose change `applyLive` leaves for the next start of a machine that runs. */
export function notLive(before: Expanded, after: Expanded): string[] {
  const [old, now] = [before.config, after.config];
  return [...new Set([...Object.keys(old), ...Object.keys(now)])]
    .filter((key) => !isLive(key) && !key.startsWith('volatile.'))
    .filter((key) => !isDeepStrictEqual(old[key], now[key]))
    .sort();
}
