import type { Readable } from 'node:stream';

import type { IdRange } from '../base/id-layout.ts';
import type { GuestPath, HostPath } from '../base/brand.ts';
import type { Paths } from '../contract/paths.ts';

export type StorageTier = 'redirect' | 'userxattr' | 'fuse' | 'copy';

/** Short name of a layer's directory below `layers/`: lower-case base 36, at most 12 characters. */
export type LayerId = string;

/** U0 ids that own the files of a layer. */
export type OwnerRange = IdRange;

/**
 * A layer under construction: a fresh directory that no machine sees. Disposing removes it unless
 * `commit()` made it a layer (a rename; recovery removes what was never committed).
 */
export interface StagedLayer extends AsyncDisposable {
  readonly id: LayerId;
  readonly path: HostPath;
  commit(): Promise<void>;
}

/** A difference between two trees, by the way a version-control system names it. */
export interface TreeChange {
  /** Added, modified, deleted, of another type. */
  readonly change: 'A' | 'M' | 'D' | 'T';
  /** Absolute, as bytes. */
  readonly path: Buffer;
  /** What is there now, or was. */
  readonly isDirectory: boolean;
  /** Bytes; undefined for directories and where there is nothing. */
  readonly before: number | undefined;
  readonly after: number | undefined;
  /** Of what is modified, where mode or owner are others than before. */
  readonly attributes?: { readonly before: TreeAttributes; readonly after: TreeAttributes };
  /** What `diff -u` prints of it, where that was wanted and there is something to print. */
  readonly patch?: string;
}

export interface TreeAttributes {
  /** Permission bits, with set-id and sticky bits. */
  readonly mode: number;
  /** U0 ids, as the trees have them. */
  readonly uid: number;
  readonly gid: number;
}

/** One side of a comparison: a chain, with a machine's own directory on it. */
export interface DiffSide {
  readonly layers: readonly LayerId[];
  readonly upperOf?: number | undefined;
  /** Its root is mounted, and a guest may be at work in it. */
  readonly isMounted?: boolean;
}

/** The root of a machine that runs, in its own mount namespace. Disposing closes it. */
export interface RunningRoot extends Disposable {
  /** O_PATH. */
  readonly fd: number;
  /**
   * What is mounted there now, in the words of proc_pid_mountinfo(5). Throws ESRCH once it has
   * ended, and `hostile` for more than 1 MiB of it.
   */
  mountinfo(): string;
}

/** A mounted view of layers. Disposing unmounts it. */
export interface StorageView {
  readonly path: HostPath;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * The layer store. It knows directories and mounts, not the database: the engine records rows and
 * passes plain values. Machines are named by their numeric database id, so renaming moves nothing.
 */
export interface Storage {
  readonly tier: StorageTier;

  /**
   * A layer made so is the bottom of every chain it is in; the others come from uppers. With
   * `owner` the fresh directory belongs to its guest root with mode 0755, else to U0's root, 0700.
   */
  stageLayer(owner?: OwnerRange): Promise<StagedLayer>;
  /** Removes a layer that no mount uses. Absent is fine. */
  removeLayer(layer: LayerId): Promise<void>;
  /** Every committed layer on disk, for recovery. */
  listLayers(): Promise<LayerId[]>;
  /**
   * Makes a copy of `layer` owned by another range: modes, set-id bits, capabilities, ACLs kept.
   */
  shiftLayer(
    layer: LayerId,
    from: OwnerRange,
    to: OwnerRange,
    options: { signal?: AbortSignal },
  ): Promise<LayerId>;
  /**
   * Makes a layer of a whole root file system, which `fill` puts into a fresh directory of
   * `owner`'s, to lie on the chain `base`: what is alike is not stored again. Returns the new
   * chain, top first.
   */
  importTree(
    owner: OwnerRange,
    base: readonly LayerId[],
    fill: (target: HostPath) => Promise<void>,
    options: { signal?: AbortSignal },
  ): Promise<LayerId[]>;
  /** Makes a chain of two layers, the second the bottom of `chain`, that shows the same. */
  flatten(
    owner: OwnerRange,
    chain: readonly LayerId[],
    options: { signal?: AbortSignal },
  ): Promise<LayerId[]>;
  /** Bytes on disk of a layer: blocks, not lengths. */
  layerSize(layer: LayerId): Promise<number>;

  /**
   * Makes the writable directories of a machine, owned by `owner`. Idempotent. Its `/` is as that
   * of `like`, the layer it lies on.
   */
  createUpper(instanceId: number, owner: OwnerRange, like?: LayerId): Promise<void>;
  removeUpper(instanceId: number): Promise<void>;
  /**
   * Gives an unmounted machine an empty upper, in O(1): what was in it is removed after that. Its
   * plain directories stay. Repeatable.
   */
  emptyUpper(instanceId: number, owner: OwnerRange, like?: LayerId): Promise<void>;
  /**
   * Copies a stopped machine's plain directories for other ids; the next `emptyUpper` for them puts
   * the copies in their place.
   */
  stagePlain(
    instanceId: number,
    from: OwnerRange,
    to: OwnerRange,
    options: { signal?: AbortSignal },
  ): Promise<void>;
  /** Every machine that has writable directories on disk, for recovery. */
  listUppers(): Promise<number[]>;
  /** Bytes on disk of the upper directories of machines, by id; those that are gone are absent. */
  upperSizes(instanceIds: readonly number[]): Promise<ReadonlyMap<number, number>>;
  /**
   * Turns the upper of a stopped, unmounted machine into a layer and gives it an empty one: O(1).
   * The caller then calls `keepFreeze` or `undoFreeze`; until then neither mount nor freeze is
   * possible.
   */
  freezeUpper(instanceId: number, owner: OwnerRange): Promise<LayerId>;
  /**
   * Whether the upper of a stopped, unmounted machine shows nothing that `top`, the layer below it,
   * does not.
   */
  isUntouched(instanceId: number, top: LayerId): Promise<boolean>;
  /** The layer that `freezeUpper` made is recorded. */
  keepFreeze(instanceId: number): Promise<void>;
  /** Makes the layer that `freezeUpper` made the upper again. Its new upper must be unused. */
  undoFreeze(instanceId: number, layer: LayerId): Promise<void>;
  /**
   * Copies the upper of a machine (frozen by the caller when it runs) into a new layer. `copied` is
   * called as soon as the upper is no longer read, so that the caller can thaw before the copy is
   * made durable.
   */
  copyUpper(
    instanceId: number,
    options: { signal?: AbortSignal; copied?: () => Promise<void> },
  ): Promise<LayerId>;

  /** Mounts a machine's root, `layers` top first, and returns where. Idempotent while mounted. */
  mountRoot(instanceId: number, layers: readonly LayerId[]): Promise<HostPath>;
  /** Unmounts it, waiting for what a dead machine still holds. Absent is fine. */
  unmountRoot(instanceId: number): Promise<void>;
  rootPath(instanceId: number): HostPath;
  /**
   * Mounts read-only what a chain of layers, top first, shows together; with `upperOf` that
   * machine's own directory lies on top, and its root must not be mounted meanwhile. The layers
   * must stay.
   */
  mountView(layers: readonly LayerId[], upperOf?: number): Promise<StorageView>;
  /** What `to` has that `from` has not, sorted by path, at most `maxChanges`. */
  diff(
    from: DiffSide,
    to: DiffSide,
    options: { maxChanges: number; patches: boolean; signal?: AbortSignal },
  ): Promise<TreeChange[]>;
  listMountedRoots(): Promise<number[]>;

  /**
   * A plain directory (no overlay) of a machine, for what overlay cannot carry: `docker`,
   * `containers`.
   */
  plainDirectory(instanceId: number, name: string, owner: OwnerRange): Promise<HostPath>;

  /**
   * The only way to touch a machine's files. `root` is a mounted root or a staged layer, or the
   * root that a running machine has, mounts and all, which is disposed of with the files. `signal`
   * ends every stream in and out: `cancelled`.
   */
  openFiles(root: HostPath | RunningRoot, owner: OwnerRange, signal?: AbortSignal): GuestFiles;
}

/**
 * Custom volumes: directories that are no part of a machine, each wholly of one range of ids. A
 * tree is there whole or not at all; one that no row names is recovery's to remove.
 */
export interface Volumes {
  /** A new one: empty, or with what `fill` puts in. */
  create(owner: OwnerRange, fill?: (target: HostPath) => Promise<void>): Promise<LayerId>;
  /**
   * Nothing may write to `tree` meanwhile. `copied` is called once it is no longer read, before the
   * copy is made durable.
   */
  copy(
    tree: LayerId,
    options: { readonly signal?: AbortSignal; readonly copied?: () => Promise<void> },
  ): Promise<LayerId>;
  /**
   * The part of `owner`, from its beginning, that has the ids of all its files, where that is a
   * range by itself.
   */
  extent(tree: LayerId, owner: OwnerRange): Promise<OwnerRange>;
  /**
   * Gives every file to other ids, in place. What a death or a failure leaves half-done is finished
   * by doing the same again. Nothing may change the tree meanwhile. The ranges may have ids in
   * common only where one is a part of the other. Throws `unsupported`, before anything is changed,
   * when a file belongs to an id for which `to` has none.
   */
  shift(tree: LayerId, from: OwnerRange, to: OwnerRange): Promise<void>;
  /**
   * The same for a tree that nobody knows yet, between any two ranges. After a death or a failure
   * it is of no more use.
   */
  shiftNew(tree: LayerId, from: OwnerRange, to: OwnerRange): Promise<void>;
  remove(tree: LayerId): Promise<void>;
  list(): Promise<LayerId[]>;
  /** Removes what was being made or removed when a daemon died. */
  sweep(): Promise<void>;
  path(tree: LayerId): HostPath;
  /** Bytes on disk. */
  size(tree: LayerId): Promise<number>;
}

/** A tier that this host cannot have, and what was seen when it was tried. */
export interface TierProblem {
  readonly tier: StorageTier;
  readonly problem: string;
}

/** What the daemon holds: the port, and what its recovery needs. */
export interface StorageService extends Storage {
  readonly volumes: Volumes;
  /** Why each better tier than `tier` was not chosen, for `info` and `doctor`. */
  readonly tierProblems: readonly TierProblem[];
  /** The longest chain of layers that `mountRoot` takes; longer ones must be flattened. */
  readonly maxLayers: number;
  /**
   * Waits at most `patienceMs` milliseconds until the files that nobody needs any more are removed.
   */
  close(patienceMs: number): Promise<void>;
  /**
   * Removes layers that were staged or being removed when a daemon died. Before anything is staged.
   */
  sweepStaging(): Promise<void>;
  /**
   * Puts the files of machines back whose `freezeUpper` was not recorded: the layer it made is not
   * among `known`. Run by recovery before it removes unknown layers.
   */
  undoUnrecordedFreezes(known: ReadonlySet<LayerId>): Promise<UndoneFreezes>;
  /** What is on disk at this moment. */
  look(): StorageLook;
  /** Removes a path that `look` called unfinished, unless that is being removed already. */
  removeUnfinished(path: string): Promise<void>;
}

export interface StorageLook {
  readonly layers: readonly LayerId[];
  /** Those of `layers` whose contents lie in a data-only layer that is not there. */
  readonly withoutData: readonly LayerId[];
  /** Layers with the files of machines whose snapshot is neither recorded nor undone. */
  readonly frozen: readonly LayerId[];
  /** Machines that have an own directory for files. */
  readonly instances: readonly number[];
  /** Machines that have any directory. */
  readonly instanceDirectories: readonly number[];
  readonly volumes: readonly LayerId[];
  /** Paths of what is being made, or was to be removed and is left. */
  readonly unfinished: readonly string[];
}

export interface UndoneFreezes {
  /** Machines that have their files again. */
  readonly mended: readonly number[];
  /** Layers with the files of machines that could not be mended: these must stay. */
  readonly left: readonly LayerId[];
}

/** The part of a logger (pino's shape) that storage uses. */
export interface StorageLog {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export interface StorageDeps {
  readonly paths: Paths;
  readonly log: StorageLog;
  /** Forces a tier instead of the best one that works; one that does not work is then an error. */
  readonly tier?: StorageTier;
}

/**
 * The shape of `makeStorage` in `storage.ts`: prepares the mount directory and detects the tier.
 */
export type MakeStorage = (deps: StorageDeps) => Promise<StorageService>;

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

/** A guest path as text, or as raw bytes where a name is not UTF-8. */
export type GuestName = GuestPath | Buffer;

/**
 * Confined access to a machine's files: every path is resolved with
 * openat2(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS) below the root and used as a descriptor, so no
 * link, `..` or race leads outside. Missing files are `not_found`; devices, sockets and fifos are
 * never opened. Disposing closes the root's descriptor.
 */
export interface GuestFiles extends Disposable {
  /** Of the path itself, not what a link points to. */
  stat(path: GuestName): Promise<GuestStat>;
  read(path: GuestName): Promise<{ readonly stat: GuestStat; readonly content: Readable }>;
  /** The whole of a small file; `hostile` when it is larger than `maxBytes`. */
  readText(path: GuestName, maxBytes: number): Promise<string>;
  readLink(path: GuestName): Promise<string>;
  /** Entry names as raw bytes: a guest may use any byte but `/` and NUL. */
  list(path: GuestName): Promise<Buffer[]>;
  write(
    path: GuestName,
    content: Readable | Uint8Array | string,
    options: WriteOptions,
  ): Promise<void>;
  makeDirectory(
    path: GuestName,
    options: WriteOptions & { readonly parents?: boolean },
  ): Promise<void>;
  makeSymlink(path: GuestName, target: string, options: WriteOptions): Promise<void>;
  /**
   * A file, link or empty directory; with `recursive` a directory and all below it, until `signal`
   * breaks it off. Absent is `not_found`.
   */
  remove(
    path: GuestName,
    options?: { readonly recursive?: boolean; readonly signal?: AbortSignal },
  ): Promise<void>;
}
