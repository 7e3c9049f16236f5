import type { HostPath } from '../base/brand.ts';
import type { Compression } from '../contract/compression.ts';
import { formatEntry } from './archive/writer.ts';
import { compressCommand } from './compress.ts';
import { formatMetadata } from './metadata.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { sandboxTree } from './sandbox/spec.ts';
import type { SliceIds } from './slice.ts';
import type { ImageDescription, ImportedImage, WorkContext } from './types.ts';
import { writeArchive } from './write-archive.ts';

export interface PackInput {
  readonly root: HostPath;
  readonly description: ImageDescription;
  readonly file: HostPath;
  readonly slice: SliceIds;
  /** Undefined: as `compressCommand` chooses. */
  readonly compression: Compression | undefined;
}

/**
 * Writes a unified image. tar reads the tree confined as the slice's root, so owners in the archive
 * are guest ids, and a tree that changes under it leads nowhere. On failure `file` is removed.
 */
export async function packImage(
  sandbox: Sandbox,
  { root, description, file, slice, compression }: PackInput,
  context: WorkContext,
): Promise<ImportedImage> {
  const { metadata, templateFiles } = description;
  const entry = (path: string, text: string): Buffer =>
    formatEntry(
      { kind: 'file', path, mode: 0o644, content: Buffer.from(text, 'utf8') },
      metadata.creationDate,
    );
  const head = Buffer.concat([
    entry('metadata.yaml', formatMetadata(metadata)),
    ...Object.entries(templateFiles).map(([name, text]) => entry(`templates/${name}`, text)),
  ]);
  const written = await writeArchive(
    sandbox,
    {
      what: 'write the image',
      head,
      command: [...createCommand, ...withoutSecrets, '--directory=/image', 'rootfs'],
      mounts: [{ source: root, destination: sandboxTree, readonly: true }],
      slice,
      compress: await compressCommand('write the image', compression),
      file,
    },
    context,
  );
  return { ...written, ...description };
}

/**
 * tar that writes what it can of a tree, the same bytes for the same tree. Still wants a directory
 * and what to put in from there.
 */
// prettier-ignore
export const createCommand: readonly string[] = [
  'tar', '--create', '--file=-', '--format=posix', '--numeric-owner',
  '--sparse', '--xattrs', '--xattrs-include=*', '--xattrs-exclude=user.overlay.*',
  '--xattrs-exclude=trusted.*', '--acls', '--sort=name', '--one-file-system',
  '--warning=no-file-ignored',
  // Neither access times nor tar's own process id belong into what a fingerprint covers.
  '--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime',
];

/** A machine's ssh host keys are its own; one made of the image gets others. */
const withoutSecrets = ['--anchored', '--exclude=rootfs/etc/ssh/ssh_host_*_key*'];
