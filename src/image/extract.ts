import type { HostPath } from '../base/brand.ts';
import { WarrenError } from '../contract/errors.ts';
import { ArchivePolicy, type Layout } from './archive/policy.ts';
import type { TarEntry } from './archive/reader.ts';
import { scanArchive } from './archive/scan.ts';
import type { ArchiveSource } from './archive/source.ts';
import type { ImageLimits, ImageLog } from './deps.ts';
import { childFailure, throwIfCancelled } from './sandbox/failure.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { sandboxTree } from './sandbox/spec.ts';
import type { SliceIds } from './slice.ts';
import type { WorkContext } from './types.ts';

export interface ExtractDeps {
  readonly sandbox: Sandbox;
  readonly limits: ImageLimits;
  readonly log: ImageLog;
}

const what = 'unpack the image';

export interface ExtractInput {
  readonly layout: Layout;
  readonly target: HostPath;
  readonly slice: SliceIds;
}

/** Passes the entries of a tar stream that the policy keeps to a confined tar. */
export async function unpackStream(
  { sandbox, limits, log }: ExtractDeps,
  source: ArchiveSource,
  { layout, target, slice }: ExtractInput,
  { signal, progress }: WorkContext,
): Promise<void> {
  const policy = new ArchivePolicy({ what, limits, ids: slice });
  let devices = 0;
  const entry = (raw: TarEntry) => {
    const { path, isDevice } = policy.check(raw);
    if (layout === 'unified' && path !== 'rootfs' && !path.startsWith('rootfs/')) return 'drop';
    if (layout === 'unified' && raw.type === '1' && !isBelowRootfs(raw.linkName)) {
      throw new WarrenError('hostile', { what, found: 'a hard link leads out of rootfs' });
    }
    if (isDevice) devices += 1;
    return isDevice ? 'drop' : 'keep';
  };

  try {
    const tar = await sandbox.start(
      {
        kind: 'files',
        // A unified archive's entries begin with `rootfs/` themselves.
        command: extractCommand(layout === 'unified' ? '/image' : sandboxTree),
        ids: slice,
        mounts: [{ source: target, destination: sandboxTree, readonly: false }],
        maxFileBytes: limits.maxBytes,
      },
      { stdin: 'pipe', signal },
    );
    tar.stdout.resume();
    try {
      const handler = { entry, content: () => undefined };
      const stage = 'unpacking the image';
      await scanArchive(source, handler, { what, stage, progress, output: tar.stdin });
      tar.stdin?.end();
      const end = await tar.ended;
      throwIfCancelled(signal, what);
      if (end.exitCode !== 0) throw childFailure(end, { what, program: 'tar', where: target });
      if (end.errorText !== '') log.warn({ target, tar: end.errorText }, 'tar had remarks');
    } finally {
      tar.kill();
      await tar.ended;
    }
  } finally {
    await source.close();
  }
  if (devices > 0) log.debug({ target, devices }, 'dropped device nodes of an image');
}

/**
 * tar that extracts its standard input below `directory`, with owners by number and every
 * attribute.
 */
export function extractCommand(directory: string): string[] {
  // prettier-ignore
  return [
    'tar', '--extract', '--file=-', '--numeric-owner', '--same-owner', '--same-permissions',
    '--xattrs', '--xattrs-include=*', '--acls', '--delay-directory-restore',
    '--warning=no-timestamp', `--directory=${directory}`,
  ];
}

function isBelowRootfs(linkName: string): boolean {
  return /^(\.\/+)*rootfs\//.test(linkName);
}
