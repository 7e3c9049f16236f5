import { createHash } from 'node:crypto';

import { WarrenError } from '../../contract/errors.ts';

/**
 * ETag of the writable part of an object, with its quotes. Equal values give equal tags whatever
 * the order of their keys.
 */
export function etagOf(writable: unknown): string {
  return `"${createHash('sha256').update(canonicalJson(writable)).digest('hex')}"`;
}

/**
 * Throws `stale` unless `ifMatch` (the header as sent, absent for none) names the current state.
 */
export function checkIfMatch(ifMatch: string | undefined, etag: string, what: string): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const wanted = ifMatch.split(',').map((tag) => tag.trim().replace(/^"|"$/g, ''));
  if (!wanted.includes(etag.slice(1, -1))) throw new WarrenError('stale', { what });
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
      : inner,
  );
}
