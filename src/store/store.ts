import type { AliasTable } from './aliases.ts';
import type { ImageTable } from './images.ts';
import type { InstanceTable } from './instances.ts';
import type { LayerTable } from './layers.ts';
import type { NetworkTable } from './networks.ts';
import type { PairTable } from './pairs.ts';
import type { ProfileTable } from './profiles.ts';
import type { SliceTable } from './slices.ts';
import type { SnapshotTable } from './snapshots.ts';
import type { WarningTable } from './warnings.ts';

/** The open database: one object per table, rows in and rows out. */
export interface Store {
  /**
   * Runs `work` in one transaction, which a throw undoes. Synchronous; inside another transaction it
   * becomes part of it. Throws `no_space` when the disk is full.
   */
  transaction<T>(work: () => T): T;
  readonly instances: InstanceTable;
  readonly snapshots: SnapshotTable;
  readonly images: ImageTable;
  readonly aliases: AliasTable;
  readonly profiles: ProfileTable;
  readonly networks: NetworkTable;
  readonly layers: LayerTable;
  readonly slices: SliceTable;
  readonly config: PairTable;
  readonly facts: PairTable;
  readonly warnings: WarningTable;
  close(): void;
}
