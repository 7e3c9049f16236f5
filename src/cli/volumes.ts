import { apiPath } from '../client/client.ts';
import { stripRemote } from './names.ts';
import { UsageError } from './usage-error.ts';

/** Fields of a volume that PUT replaces. */
export const writableOfVolume = ['description', 'config'] as const;

export const poolWord = {
  kind: 'required',
  summary: 'Name of the pool',
  complete: 'storage',
} as const;

export const volumeWord = {
  kind: 'required',
  summary: 'Name of the volume',
  complete: 'volume',
} as const;

/** The URL of a volume; its name may be `VOLUME/SNAPSHOT`. */
export function volumePath(pool: string, word: string): string {
  const { volume, snapshot } = parseVolumeRef(word);
  const path = apiPath('storage-pools', stripRemote(pool), 'volumes', 'custom', volume);
  return snapshot === undefined ? path : `${path}/snapshots/${encodeURIComponent(snapshot)}`;
}

/** `data` or `data/before`. */
export function parseVolumeRef(word: string): {
  readonly volume: string;
  readonly snapshot: string | undefined;
} {
  const [volume = '', snapshot, ...more] = word.split('/');
  if (volume === '' || snapshot === '' || more.length > 0) {
    throw new UsageError(`Cannot use "${word}": wanted VOLUME or VOLUME/SNAPSHOT`);
  }
  return { volume, snapshot };
}

/** `default/data`, or `default/data/before`. */
export function parsePoolAndVolume(word: string): { readonly pool: string; readonly name: string } {
  const plain = stripRemote(word);
  const slash = plain.indexOf('/');
  if (slash <= 0 || slash === plain.length - 1) {
    throw new UsageError(`Cannot use "${word}": wanted POOL/VOLUME, such as default/data`);
  }
  return { pool: plain.slice(0, slash), name: plain.slice(slash + 1) };
}
