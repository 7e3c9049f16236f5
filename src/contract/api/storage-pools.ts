import type { StringMap } from './instances.ts';

/** `GET /1.0/storage-pools/<name>`. warren has one pool, `default`: its layer store. */
export interface StoragePool {
  readonly name: string;
  readonly description: string;
  readonly driver: 'overlay';
  readonly status: 'Created';
  readonly locations: readonly string[];
  readonly config: StringMap;
  readonly used_by: readonly string[];
}

/** `GET /1.0/storage-pools/<name>/resources`, bytes and counts. */
export interface StoragePoolResources {
  readonly space: { readonly used: number; readonly total: number };
  readonly inodes: { readonly used: number; readonly total: number };
}

/** An element of `GET /1.0/storage-pools/<name>/volumes`. */
export interface StorageVolume {
  readonly name: string;
  readonly type: 'custom' | 'container' | 'image';
  readonly content_type: 'filesystem';
  readonly description: string;
  readonly location: 'none';
  readonly project: string;
  readonly created_at: string;
  readonly config: StringMap;
  readonly used_by: readonly string[];
}

/** An element of `GET …/volumes/custom/<name>/snapshots`. */
export interface VolumeSnapshot {
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly content_type: 'filesystem';
  readonly created_at: string;
  /** Null in a list, as in LXD, for one that never expires; the zero time of one alone. */
  readonly expires_at: string | null;
}

/** `GET …/volumes/custom/<name>/state`, bytes; a total of 0 is no limit. */
export interface VolumeState {
  readonly usage: { readonly used: number; readonly total: number };
}
