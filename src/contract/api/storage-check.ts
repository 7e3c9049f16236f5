/**
 * `POST /1.0/warren/storage-check`, warren's own. The operation's metadata has a `StorageReport` as
 * `report`.
 */
export interface StorageCheckPost {
  /** Mend what can be mended without losing anything that a machine, snapshot or image shows. */
  readonly repair?: boolean;
}

/** Whether the database, the directories and what stands on what agree. */
export interface StorageReport {
  /** What was looked at. */
  readonly counts: {
    readonly instances: number;
    readonly snapshots: number;
    readonly images: number;
    readonly volumes: number;
    readonly layers: number;
    /** Of machines, snapshots, images and copies for other ids to layers. */
    readonly references: number;
  };
  readonly problems: readonly StorageProblem[];
}

export interface StorageProblem {
  readonly kind:
    | 'database'
    | 'layer-missing'
    | 'layer-stray'
    | 'layer-unused'
    | 'unfinished'
    | 'snapshot-unfinished'
    | 'instance-missing'
    | 'instance-stray'
    | 'volume-missing'
    | 'volume-stray'
    | 'image-missing';
  /** The layer, directory, machine, volume or image it is about. */
  readonly subject: string;
  /** One sentence. */
  readonly problem: string;
  /** What to type next, where `--repair` does not mend it. */
  readonly remedy?: string;
  readonly repaired: boolean;
}
