import type { ProcessIdentity } from '../base/process-identity.ts';
import type { DeviceMap, StringMap } from '../contract/api/instances.ts';

/** Why a machine is not running. */
export type LastExit =
  | { readonly kind: 'halted' | 'rebooted' | 'killed' | 'host-restart' | 'unknown' }
  | { readonly kind: 'crashed'; readonly detail: string };

/** U0 ids `start … start + size - 1`. */
export interface SliceRecord {
  readonly start: number;
  readonly size: number;
  /** No other machine has ids in common with it. */
  readonly isolated: boolean;
}

export interface RunRecord {
  readonly init: ProcessIdentity;
  readonly startedAtMs: number;
  readonly bootedAtMs: number | undefined;
}

/** What the user sets of a machine. */
export interface InstanceSettings {
  readonly description: string;
  readonly ephemeral: boolean;
  /** Its own keys, `volatile.*` among them. */
  readonly config: StringMap;
  readonly devices: DeviceMap;
  /** In order of application. */
  readonly profiles: readonly string[];
}

/** A machine as the database has it. */
export interface InstanceRecord extends InstanceSettings {
  /** Names its directories; stays when it is renamed, and is never used again. */
  readonly id: number;
  readonly name: string;
  readonly architecture: string;
  /** `creating` and `deleting` are what recovery takes away when nobody is at it. */
  readonly phase: 'creating' | 'ready' | 'deleting';
  readonly createdAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly slice: SliceRecord;
  /** Shared read-only layers below its own directory, top first. */
  readonly layers: readonly string[];
  /** What was last started, until its end was recorded. Says nothing about now. */
  readonly run: RunRecord | undefined;
  readonly lastExit: LastExit | undefined;
}

export interface SnapshotRecord {
  readonly id: number;
  readonly instanceId: number;
  readonly name: string;
  readonly description: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly ephemeral: boolean;
  readonly config: StringMap;
  readonly devices: DeviceMap;
  readonly profiles: readonly string[];
  /** Top first; the first is what the machine had of its own. */
  readonly layers: readonly string[];
  /** Of the first layer; 0 until it has been measured. */
  readonly sizeBytes: number;
}

export interface ImageRecord {
  readonly id: number;
  /** Whose it is: one with images of its own, else `default`. */
  readonly project: string;
  readonly fingerprint: string;
  readonly architecture: string;
  readonly filename: string;
  readonly sizeBytes: number;
  readonly properties: StringMap;
  readonly profiles: readonly string[];
  readonly public: boolean;
  readonly autoUpdate: boolean;
  /** Made or fetched on demand for a launch, not asked for by itself. */
  readonly cached: boolean;
  readonly createdAtMs: number;
  readonly uploadedAtMs: number;
  readonly lastUsedAtMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** `unified`: one file; `split`: metadata and rootfs. */
  readonly format: 'unified' | 'split';
  /** What it was built from, such as `debian/12`. */
  readonly recipe: string | undefined;
  /** Where it was downloaded from. */
  readonly source: ImageSourceRecord | undefined;
  readonly aliases: readonly ImageAliasRecord[];
}

export interface ImageSourceRecord {
  readonly server: string;
  readonly protocol: string;
  /** What it was asked for as: an alias there, or a fingerprint. */
  readonly alias: string;
}

/** What an image says of itself, as an image has it or a machine that was made of one. */
export interface MetadataRecord {
  /** The text of a metadata.yaml. */
  readonly metadata: string;
  /** Contents of templates by file name. */
  readonly files: Readonly<Record<string, string>>;
}

export interface ImageAliasRecord {
  readonly project: string;
  readonly name: string;
  readonly description: string;
  readonly fingerprint: string;
}

export interface ProfileRecord {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
  readonly devices: DeviceMap;
}

export interface NetworkRecord {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** A set of machines that is kept apart from others. */
export interface ProjectRecord {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** A storage pool, as people describe it. */
export interface StoragePoolRecord {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly config: StringMap;
}

/** A custom storage volume, or a snapshot of one. */
export interface VolumeRecord {
  readonly id: number;
  /** The volume it is a snapshot of. */
  readonly parentId: number | undefined;
  readonly name: string;
  readonly description: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number | undefined;
  readonly config: StringMap;
  /** Names its directory. */
  readonly tree: string;
  /** U0 ids that its files belong to. */
  readonly owner: IdRange;
  /** Those that they are being given to: some files have these already. */
  readonly nextOwner: IdRange | undefined;
}

export interface IdRange {
  readonly start: number;
  readonly size: number;
}

/** A directory of an overlay stack. */
export interface LayerRecord {
  readonly id: string;
  /** U0 ids that own its files. */
  readonly owner: IdRange;
  /** The layer it is a copy of, for other ids. */
  readonly shiftedFrom: string | undefined;
}

export interface WarningRecord {
  readonly id: string;
  readonly type: string;
  readonly severity: 'low' | 'moderate' | 'high';
  readonly status: 'new' | 'acknowledged' | 'resolved';
  /** `instance web`, or empty for the whole daemon. */
  readonly entity: string;
  readonly message: string;
  readonly count: number;
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
}
