import { stat } from 'node:fs/promises';

import type { HostPath } from '../base/brand.ts';
import type { StringMap } from '../contract/api/instances.ts';
import { WarrenError } from '../contract/errors.ts';
import { readCompression } from './archive/compression.ts';
import { normalisePath } from './archive/names.ts';
import { ArchivePolicy, type Layout } from './archive/policy.ts';
import type { TarEntry } from './archive/reader.ts';
import { scanArchive } from './archive/scan.ts';
import { openArchive } from './archive/source.ts';
import type { ImageLimits } from './deps.ts';
import { maxMetadataBytes, parseMetadata } from './metadata.ts';
import type { Sandbox } from './sandbox/sandbox.ts';
import { TemplateCollector } from './template/files.ts';
import type { ImageFiles, ImageMetadata, WorkContext } from './types.ts';

export interface CheckDeps {
  readonly sandbox: Sandbox;
  readonly limits: ImageLimits;
  readonly hostArchitecture: string;
}

export interface CheckedImage {
  readonly metadata: ImageMetadata;
  readonly templateFiles: StringMap;
  /** Of the archive that holds the root file system. */
  readonly layout: Layout;
}

const what = 'read the image';
const templatesDirectory = 'templates/';

/**
 * Reads every archive of an image from end to end without writing anything. Throws `invalid` for
 * what is damaged or no image, `hostile` for what no honest image has.
 */
export async function checkFiles(
  deps: CheckDeps,
  files: ImageFiles,
  context: WorkContext,
): Promise<CheckedImage> {
  const first = await scanTar(deps, files.metadata, context);
  const { templateFiles } = first;
  if (files.rootfs !== undefined) {
    if (first.metadata === undefined) throw invalid('the metadata archive has no metadata.yaml');
    if ((await readCompression(files.rootfs)) !== 'squashfs') {
      const second = await scanTar(deps, files.rootfs, context);
      if (!second.looksLikeRoot) throw invalid('the rootfs archive has neither etc, usr nor bin');
    }
    return { metadata: first.metadata, templateFiles, layout: 'plain' };
  }
  if (first.metadata !== undefined) {
    if (first.hasRootfs) return { metadata: first.metadata, templateFiles, layout: 'unified' };
    throw invalid('it is the metadata half of a split image, wanted its rootfs as well');
  }
  if (!first.looksLikeRoot) {
    throw invalid('it is no image: it has neither metadata.yaml nor etc, usr or bin');
  }
  const { mtimeMs } = await stat(files.metadata);
  const metadata: ImageMetadata = {
    architecture: deps.hostArchitecture,
    creationDate: Math.max(0, Math.floor(mtimeMs / 1000)),
    expiryDate: 0,
    properties: {},
    templates: {},
  };
  return { metadata, templateFiles: {}, layout: 'plain' };
}

interface ScannedTar {
  readonly metadata: ImageMetadata | undefined;
  readonly templateFiles: StringMap;
  readonly hasRootfs: boolean;
  readonly looksLikeRoot: boolean;
}

async function scanTar(
  { sandbox, limits }: CheckDeps,
  file: HostPath,
  { signal, progress }: WorkContext,
): Promise<ScannedTar> {
  // Which ids a machine has is known only when it is unpacked.
  const policy = new ArchivePolicy({ what, limits, ids: undefined });
  const templates = new TemplateCollector();
  let content: Buffer | undefined;
  let hasRootfs = false;
  let looksLikeRoot = false;
  const source = await openArchive(file, { what, sandbox, signal });
  try {
    const handler = {
      entry(entry: TarEntry) {
        const { path, type, size } = policy.check(entry);
        if (path === 'rootfs' || path.startsWith('rootfs/')) {
          if (path === 'rootfs' && type !== '5') throw hostile('its rootfs is no directory');
          hasRootfs = true;
        }
        looksLikeRoot ||= /^(etc|usr|bin)(\/|$)/.test(path);
        if (path.startsWith(templatesDirectory)) {
          const name = path.slice(templatesDirectory.length);
          return templates.wants(name, { type, size }) ? ('collect' as const) : ('drop' as const);
        }
        if (path !== 'metadata.yaml') return 'drop' as const;
        if (content !== undefined) throw hostile('it has two metadata.yaml');
        if (type !== '0') throw hostile('its metadata.yaml is no regular file');
        if (size > maxMetadataBytes) throw invalid('its metadata.yaml is larger than 1 MiB');
        return 'collect' as const;
      },
      content({ name }: TarEntry, data: Buffer) {
        const path = normalisePath(name);
        if (path === 'metadata.yaml') content = data;
        else templates.add(path.slice(templatesDirectory.length), data);
      },
    };
    await scanArchive(source, handler, { what, stage: 'checking the image', progress });
  } finally {
    await source.close();
  }
  const metadata = content === undefined ? undefined : parseMetadata(content, what);
  const templateFiles = metadata === undefined ? {} : templates.files(invalid);
  return { metadata, templateFiles, hasRootfs, looksLikeRoot };
}

function invalid(problem: string): WarrenError {
  return new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
}

function hostile(found: string): WarrenError {
  return new WarrenError('hostile', { what, found });
}
