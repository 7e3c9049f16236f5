import type { HostPath } from '../../base/brand.ts';
import type { Compression } from '../../contract/compression.ts';
import { formatEntry } from '../archive/writer.ts';
import { compressCommand } from '../compress.ts';
import { createCommand } from '../pack.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SliceIds } from '../slice.ts';
import type { WorkContext } from '../types.ts';
import { writeArchive } from '../write-archive.ts';
import {
  backupIndexPath,
  partDirectory,
  snapshotsDirectory,
  treeDirectory,
  type BackupKind,
  type BackupTree,
} from './layout.ts';

export interface BackupInput {
  readonly kind: BackupKind;
  /** Contents of `backup/index.yaml`. */
  readonly index: string;
  /** Contents of the `backup.yaml`, `metadata.yaml` and templates beside each root file system. */
  readonly beside: Readonly<Record<string, string>>;
  /** In the order of the archive. */
  readonly trees: readonly BackupTree[];
  readonly file: HostPath;
  readonly slice: SliceIds;
  /** Undefined: as `compressCommand` chooses. */
  readonly compression: Compression | undefined;
  /** Unix seconds: the times of what warren itself puts in. */
  readonly createdAt: number;
}

/**
 * Writes a backup. tar reads the trees confined as the slice's root, so owners in the archive are
 * guest ids. On failure the file is removed.
 */
export async function packBackup(
  sandbox: Sandbox,
  input: BackupInput,
  context: WorkContext,
): Promise<{ readonly sizeBytes: number }> {
  const { kind, trees, file, slice, createdAt } = input;
  const parts = trees.map((tree) => ({
    tree,
    directory: partDirectory(tree, kind),
    files: treeDirectory(tree, kind),
  }));
  await using places = await sandbox.layDirectories(parts.map(({ files }) => files));
  const entry = (path: string, text?: string): Buffer =>
    formatEntry(
      text === undefined
        ? { kind: 'directory', path: `${path}/`, mode: 0o700 }
        : { kind: 'file', path, mode: 0o400, content: Buffer.from(text) },
      createdAt,
    );
  const snapshots = parts.some(({ tree }) => tree.snapshot !== undefined);
  const head = [
    entry('backup'),
    entry(backupIndexPath, input.index),
    ...(snapshots ? [entry(`backup/${snapshotsDirectory(kind)}`)] : []),
    ...parts.flatMap(({ directory, files }) => [
      // tar itself puts in what the files are in.
      ...(files === directory ? [] : [entry(`backup/${directory}`)]),
      ...Object.entries(input.beside).map(([name, text]) =>
        entry(`backup/${directory}/${name}`, text),
      ),
    ]),
  ];
  return await writeArchive(
    sandbox,
    {
      what: 'write the backup',
      head: Buffer.concat(head),
      command: [
        ...createCommand,
        '--directory=/image',
        ...parts.map(({ files }) => `backup/${files}`),
      ],
      mounts: [
        { source: places.path, destination: '/image/backup', readonly: true },
        ...parts.map(({ tree, files }) => ({
          source: tree.root,
          destination: `/image/backup/${files}`,
          readonly: true,
        })),
      ],
      slice,
      compress: await compressCommand('write the backup', input.compression),
      file,
    },
    context,
  );
}
