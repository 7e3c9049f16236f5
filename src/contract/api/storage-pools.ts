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
  readonly type: 'container' | 'image';
  readonly content_type: 'filesystem';
  readonly description: string;
  readonly location: 'none';
  readonly project: string;
  readonly created_at: string;
  readonly config: StringMap;
  readonly used_by: readonly string[];
}
