import type { HostPath } from '../base/brand.ts';
import type { StringMap } from '../contract/api/instances.ts';
import type { BackupKind } from './backup/layout.ts';
import type { BackupInput } from './backup/pack.ts';
import type { PackInput } from './pack.ts';
import type { BackupReader } from './backup/read.ts';
import type { SftpServer } from './sftp.ts';

/** Live progress of a long step, for one line on the terminal. */
export interface Progress {
  /** What all of it is, when that is not what was asked for by name: `Building image debian/12`. */
  readonly title?: string | undefined;
  /** What is being done now: `installing packages`. */
  readonly stage: string;
  /** 0 … 100, or undefined when nobody can know. */
  readonly percent?: number | undefined;
}

export interface WorkContext {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
}

/** What an image file says of itself, checked: `metadata.yaml`, or what a plain rootfs implies. */
export interface ImageMetadata {
  readonly architecture: string;
  /** Unix seconds. */
  readonly creationDate: number;
  readonly expiryDate: number;
  readonly properties: StringMap;
  readonly templates: Readonly<
    Record<
      string,
      {
        readonly when: readonly ('create' | 'copy' | 'start' | 'rename')[];
        readonly template: string;
        readonly createOnly: boolean;
        readonly properties: StringMap;
      }
    >
  >;
}

/** An image file, or the pair of a split image, already on disk in a directory of ours. */
export interface ImageFiles {
  readonly metadata: HostPath;
  /** Absent for a unified tarball. */
  readonly rootfs?: HostPath;
}

/** Metadata, and the contents of the templates it names, by file name. */
export interface ImageDescription {
  readonly metadata: ImageMetadata;
  readonly templateFiles: StringMap;
}

export interface ImportedImage extends ImageDescription {
  /** sha256 of the file, or of metadata ‖ rootfs. */
  readonly fingerprint: string;
  readonly sizeBytes: number;
}

/** A recipe warren can build on this host: `debian/12`, `debian/12/minimal`, `busybox`. */
export interface ImageRecipe {
  readonly alias: string;
  readonly description: string;
  /** Every package that is installed, for the documents. */
  readonly packages: readonly string[];
}

/**
 * Image work. All unpacking and building happens in children that run as root of the given slice,
 * in a mount namespace whose writable part is only `target`; the engine commits the result.
 */
export interface Images {
  /** Fingerprint and metadata without unpacking the root file system. */
  inspect(files: ImageFiles, context: WorkContext): Promise<ImportedImage>;
  /** Unpacks the root file system into `target` (an empty directory owned by slice root). */
  unpack(
    files: ImageFiles,
    target: HostPath,
    slice: { readonly start: number; readonly size: number },
    context: WorkContext,
  ): Promise<void>;
  /** Recipes this host can build, and the nearest alias for an unknown one. */
  recipes(): readonly ImageRecipe[];
  findRecipe(alias: string): ImageRecipe | undefined;
  /**
   * Builds a recipe: the root file system into `target`, and a unified image file into `file`, so
   * that what is built can be exported byte by byte as its fingerprint says.
   */
  build(
    recipe: ImageRecipe,
    target: HostPath,
    file: HostPath,
    slice: { readonly start: number; readonly size: number },
    context: WorkContext,
  ): Promise<ImportedImage>;
  /** Writes a unified image file from a mounted root (publish). */
  pack(input: PackInput, context: WorkContext): Promise<ImportedImage>;
  /** Writes a backup from mounted roots, or from the directories of a volume. */
  packBackup(input: BackupInput, context: WorkContext): Promise<{ readonly sizeBytes: number }>;
  /** The bytes of a backup's `index.yaml`. Throws `invalid` for a file that is none. */
  readBackupIndex(file: HostPath, context: WorkContext): Promise<Buffer>;
  /** Opens a backup to unpack its root file systems one after the other. */
  openBackup(
    file: HostPath,
    slice: { readonly start: number; readonly size: number },
    context: WorkContext,
    kind?: BackupKind,
  ): Promise<BackupReader>;
  /**
   * Serves the files of a mounted root by SFTP, to somebody who is its guest's root there and can
   * reach nothing else. `signal` ends it. Throws `host_lacks` where OpenSSH's sftp-server is not.
   */
  serveSftp(
    root: HostPath,
    slice: { readonly start: number; readonly size: number },
    signal: AbortSignal,
  ): Promise<SftpServer>;
}
