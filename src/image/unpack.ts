import type { HostPath } from '../base/brand.ts';
import { readCompression } from './archive/compression.ts';
import type { Layout } from './archive/policy.ts';
import { openArchive } from './archive/source.ts';
import { checkFiles, type CheckDeps } from './check.ts';
import { unpackStream, type ExtractDeps } from './extract.ts';
import type { LayoutMemory } from './layouts.ts';
import type { SliceIds } from './slice.ts';
import { unpackSquashfs } from './squashfs.ts';
import type { ImageFiles, WorkContext } from './types.ts';

export interface UnpackDeps extends CheckDeps, ExtractDeps {
  readonly layouts: LayoutMemory;
}

const what = 'unpack the image';

/**
 * Unpacks the root file system of an image into `target`. Entries go through `ArchivePolicy` and
 * then to tar, which sees only the target; whatever fails, the caller throws the target away.
 */
export async function unpackImage(
  deps: UnpackDeps,
  files: ImageFiles,
  target: HostPath,
  slice: SliceIds,
  context: WorkContext,
): Promise<void> {
  const file = files.rootfs ?? files.metadata;
  if ((await readCompression(file)) === 'squashfs') {
    await unpackSquashfs(deps, file, target, slice, context);
    return;
  }
  const layout = files.rootfs === undefined ? await findLayout(deps, files, context) : 'plain';
  const source = await openArchive(file, { what, sandbox: deps.sandbox, signal: context.signal });
  await unpackStream(deps, source, { layout, target, slice }, context);
}

/** A lone file has just been inspected as a rule; else it is read once more. */
async function findLayout(
  deps: UnpackDeps,
  files: ImageFiles,
  context: WorkContext,
): Promise<Layout> {
  const known = await deps.layouts.find(files.metadata);
  return known ?? (await checkFiles(deps, files, context)).layout;
}
