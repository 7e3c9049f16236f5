/** `GET /1.0/instances/<name>/snapshots/<snapshot>/diff`. */
export interface SnapshotDiff {
  readonly from: string;
  /** Null: the machine as it is now. */
  readonly to: string | null;
  readonly changes: readonly SnapshotChange[];
  /** More changed than is listed. */
  readonly truncated: boolean;
}

export interface SnapshotChange {
  /** Added, modified, deleted, of another type. */
  readonly change: 'A' | 'M' | 'D' | 'T';
  /** As it is, or in quotes with escapes as git writes it. A directory ends in a slash. */
  readonly path: string;
  /** Bytes before and after; null for directories and where there is nothing. */
  readonly before: number | null;
  readonly after: number | null;
  /** Octal, `0644`, before and after; null where it is as it was. */
  readonly mode: Changed | null;
  /** `UID:GID` in the machine, likewise. */
  readonly owner: Changed | null;
  /**
   * As `diff -u` prints it; null where none was asked for, and for what is no text of at most 1
   * MiB.
   */
  readonly patch: string | null;
}

export interface Changed {
  readonly before: string;
  readonly after: string;
}
