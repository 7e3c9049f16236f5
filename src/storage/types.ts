import type { Readable } from 'node:stream';

import type { GuestPath, HostPath } from '../base/brand.ts';

export type StorageTier = 'redirect' | 'userxattr' | 'fuse' | 'copy';

/** Short name of a layer's directory below `layers/`: lower-case base 36, at most 12 characters. */
export type LayerId = string;

/** U0 ids that own the files of a layer: guest id g is U0 id `start + g`. */
export interface OwnerRange {
  readonly start: number;
  readonly size: number;
}

/**
 * A layer under construction: a fresh directory that no machine sees. Disposing removes it unless
 * `commit()` made it a layer (a rename; recovery removes what was never committed).
 */
export interface StagedLayer extends AsyncDisposable {
  readonly id: LayerId;
  readonly path: HostPath;
  commit(): Promise<void>;
}

export interface RootUsage {
  /** Bytes the upper directory takes on disk (blocks, not lengths). */
  readonly bytes: number;
  readonly inodes: number;
}

/**
 * The layer store. It knows directories and mounts, not the database: the engine records rows and
 * passes plain values. Machines are named by their numeric database id, so renaming moves nothing.
 */
export interface Storage {
  readonly tier: StorageTier;

  stageLayer(): Promise<StagedLayer>;
  /** Removes a layer that no mount uses. Absent is fine. */
  removeLayer(layer: LayerId): Promise<void>;
  /** Every committed layer on disk, for recovery. */
  listLayers(): Promise<LayerId[]>;
  /** Makes a copy of `layer` owned by another range: modes, set-id bits, capabilities, ACLs kept. */
  shiftLayer(
    layer: LayerId,
    from: OwnerRange,
    to: OwnerRange,
    options: { signal?: AbortSignal },
  ): Promise<LayerId>;
  /** Bytes on disk of a layer. */
  layerUsage(layer: LayerId): Promise<RootUsage>;

  /** Makes the writable directories of a machine, owned by `owner`. Idempotent. */
  createUpper(instanceId: number, owner: OwnerRange): Promise<void>;
  removeUpper(instanceId: number): Promise<void>;
  /** Every machine that has writable directories on disk, for recovery. */
  listUppers(): Promise<number[]>;
  upperUsage(instanceId: number): Promise<RootUsage>;
  /** Turns the upper of a stopped, unmounted machine into a layer and gives it an empty one: O(1). */
  freezeUpper(instanceId: number, owner: OwnerRange): Promise<LayerId>;
  /** Copies the upper of a machine (frozen by the caller when it runs) into a new layer. */
  copyUpper(instanceId: number, options: { signal?: AbortSignal }): Promise<LayerId>;

  /** Mounts a machine's root, `layers` top first, and returns where. Idempotent while mounted. */
  mountRoot(instanceId: number, layers: readonly LayerId[]): Promise<HostPath>;
  /** Unmounts it, waiting for what a dead machine still holds. Absent is fine. */
  unmountRoot(instanceId: number): Promise<void>;
  rootPath(instanceId: number): HostPath;
  listMountedRoots(): Promise<number[]>;

  /** A plain directory (no overlay) of a machine, for what overlay cannot carry: `docker`, `containers`. */
  plainDirectory(instanceId: number, name: string, owner: OwnerRange): Promise<HostPath>;

  /** The only way to touch a machine's files. `root` is a mounted root or a staged layer. */
  openFiles(root: HostPath, owner: OwnerRange): GuestFiles;
}

export interface GuestStat {
  readonly type: 'file' | 'directory' | 'symlink' | 'other';
  /** Guest ids. */
  readonly uid: number;
  readonly gid: number;
  /** Permission bits, with set-id and sticky bits. */
  readonly mode: number;
  readonly size: number;
  readonly modifiedMs: number;
}

export interface WriteOptions {
  /** Guest ids and mode; applied only when the file is created, as LXD does. */
  readonly uid?: number;
  readonly gid?: number;
  readonly mode?: number;
  readonly append?: boolean;
}

/**
 * Confined access to a machine's files: every path is resolved with
 * openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) below the root and used as a descriptor, so no
 * link, `..` or race leads outside. Missing files are `not_found`; devices, sockets and fifos are
 * never opened. Disposing closes the root's descriptor.
 */
export interface GuestFiles extends Disposable {
  /** Of the path itself, not what a link points to. */
  stat(path: GuestPath): Promise<GuestStat>;
  read(path: GuestPath): Promise<{ readonly stat: GuestStat; readonly content: Readable }>;
  /** The whole of a small file; `hostile` when it is larger than `maxBytes`. */
  readText(path: GuestPath, maxBytes: number): Promise<string>;
  readLink(path: GuestPath): Promise<string>;
  /** Entry names as raw bytes: a guest may use any byte but `/` and NUL. */
  list(path: GuestPath): Promise<Buffer[]>;
  write(
    path: GuestPath,
    content: Readable | Uint8Array | string,
    options: WriteOptions,
  ): Promise<void>;
  makeDirectory(
    path: GuestPath,
    options: WriteOptions & { readonly parents?: boolean },
  ): Promise<void>;
  makeSymlink(path: GuestPath, target: string, options: WriteOptions): Promise<void>;
  /** A file, link or empty directory. Absent is `not_found`. */
  remove(path: GuestPath): Promise<void>;
}
