import { readFileSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';

/**
 * True for root of the host: uid 0 that is mapped to uid 0 outside. `getuid()` alone would also
 * refuse root of a user namespace, who is nobody special. See user_namespaces(7).
 */
export function isRealRoot(uid: number, uidMap: string): boolean {
  if (uid !== 0) return false;
  return uidMap
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .some(([inside, outside]) => inside === '0' && outside === '0');
}

/** Throws `real_root` when this process is root of the host. */
export function refuseRealRoot(): void {
  const uid = process.geteuid?.() ?? -1;
  if (uid !== 0) return;
  if (isRealRoot(uid, readFileSync('/proc/self/uid_map', 'utf8'))) {
    throw new WarrenError('real_root', {});
  }
}
