/** `GET /1.0/instances/<name>/backups/<backup>`. */
export interface InstanceBackup {
  readonly name: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly instance_only: boolean;
  readonly container_only: boolean;
  readonly optimized_storage: boolean;
}

/** `POST /1.0/instances/<name>/backups`. */
export interface InstanceBackupsPost {
  /** Empty or absent: `backup0`, `backup1`, …. */
  readonly name?: string;
  /** RFC 3339; null or absent: never. */
  readonly expires_at?: string | null;
  readonly instance_only?: boolean;
  /** A driver's own format: warren has none, and ignores it as LXD's `dir` driver does. */
  readonly optimized_storage?: boolean;
  /** Empty or absent: the best that is installed. */
  readonly compression_algorithm?: string;
}

/** `GET /1.0/storage-pools/<pool>/volumes/custom/<volume>/backups/<backup>`. */
export interface VolumeBackup {
  readonly name: string;
  readonly created_at: string;
  readonly expires_at: string;
  readonly volume_only: boolean;
  readonly optimized_storage: boolean;
}

/** `POST …/volumes/custom/<volume>/backups`; see `InstanceBackupsPost`. */
export interface VolumeBackupsPost extends Omit<InstanceBackupsPost, 'instance_only'> {
  readonly volume_only?: boolean;
}
