import { formatDuration } from '../../base/units.ts';

/** How long a machine stood still, when it did: `frozen for 0.2s`, after `before`. */
export function frozenNote(frozenMs: unknown, before = ''): string {
  if (typeof frozenMs !== 'number') return '';
  return `${before}frozen for ${frozenMs < 1000 ? `${frozenMs} ms` : formatDuration(frozenMs)}`;
}
