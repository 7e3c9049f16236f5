import type { AliasTable } from './aliases.ts';
import type { ImageTable } from './images.ts';
import type { InstanceTable } from './instances.ts';
import type { LayerTable } from './layers.ts';
import type { NetworkTable } from './networks.ts';
import type { PairTable } from './pairs.ts';
import type { ProfileTable } from './profiles.ts';
import type { ProjectTable } from './projects.ts';
import type { SliceTable } from './slices.ts';
import type { SnapshotTable } from './snapshots.ts';
import type { StoragePoolTable } from './storage-pools.ts';
import type { TemplateTable } from './templates.ts';
import type { VolumeTable } from './volumes.ts';
import type { WarningTable } from './warnings.ts';

/** The open database: one object per table, rows in and rows out. */
export interface Store {
  /**
   * Runs `work` in one transaction, which a throw undoes. Synchronous; inside another transaction
   * it becomes part of it. Throws `no_space` when the disk is full.
   */
  transaction<T>(work: () => T): T;
  /**
   * A transaction that takes rows away, undoes, or records an end: on a full disk it may use the
   * room that is kept aside for that. Nothing that takes more room goes through it.
   */
  reclaim<T>(work: () => T): T;
  /** What SQLite finds wrong with the file, and rows that name others which are not there. */
  problems(): string[];
  readonly instances: InstanceTable;
  readonly snapshots: SnapshotTable;
  readonly images: ImageTable;
  readonly aliases: AliasTable;
  readonly imageTemplates: TemplateTable;
  readonly instanceTemplates: TemplateTable;
  readonly profiles: ProfileTable;
  readonly networks: NetworkTable;
  readonly layers: LayerTable;
  readonly volumes: VolumeTable;
  readonly storagePools: StoragePoolTable;
  readonly projects: ProjectTable;
  readonly slices: SliceTable;
  readonly config: PairTable;
  readonly facts: PairTable;
  readonly warnings: WarningTable;
  close(): void;
}
