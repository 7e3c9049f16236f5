import { rm } from 'node:fs/promises';

import type { StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { ImageFiles } from '../../image/types.ts';
import type { EngineDeps, ImageRecord, ImageSourceRecord, WorkContext } from '../types.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import { checkAliasName } from './aliases.ts';
import { imageOwner, recordImage, refuseExisting, shareImage } from './record.ts';

export interface ImportImageInput {
  /** The project that is to have it. */
  readonly project: string;
  /**
   * On disk in `paths.imagesDir`, so that they can be renamed; moved into the store, or removed on
   * failure.
   */
  readonly files: ImageFiles;
  readonly filename: string;
  /** Override those of the image's metadata. */
  readonly properties: StringMap;
  readonly profiles: readonly string[];
  readonly public: boolean;
  readonly autoUpdate: boolean;
  readonly expiresAtMs: number | undefined;
  /** When given, must match what the files are. */
  readonly fingerprint: string | undefined;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
  /** `publish`: packed from a machine here, and allowed already. */
  readonly origin?: 'import' | 'publish';
  /** Fetched for a launch, not asked for by itself. */
  readonly cached?: boolean;
  readonly source?: ImageSourceRecord | undefined;
  /** See `NewImage`. */
  readonly replaces?: ImageRecord | undefined;
}

const what = 'import the image';

/**
 * Throws `exists` for a fingerprint or alias that is there, `hostile` or `invalid` for bad files.
 */
export async function importImage(
  deps: EngineDeps,
  input: ImportImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { files, project } = input;
  using _ = deps.live.imagesUnderWay.hold(project);
  try {
    const isFromElsewhere = input.origin !== 'publish';
    const judge = (fingerprint: string | undefined): void => {
      if (isFromElsewhere) checkImagePolicy(deps, what, { kind: 'import', fingerprint });
    };
    judge(undefined);
    const owner = imageOwner(deps);
    for (const { name } of input.aliases) {
      checkAliasName(name);
      if (deps.store.aliases.find(project, name) !== undefined) {
        throw new WarrenError('exists', { kind: 'image alias', name });
      }
    }
    context.progress({ stage: 'reading the image' });
    const imported = await deps.images.inspect(files, context);
    if (input.fingerprint !== undefined && input.fingerprint !== imported.fingerprint) {
      throw new WarrenError('hostile', {
        what,
        found: `its fingerprint is ${imported.fingerprint}, wanted ${input.fingerprint}`,
      });
    }
    judge(imported.fingerprint);
    refuseExisting(deps, project, imported.fingerprint);
    const image = { ...input, cached: input.cached ?? false, recipe: undefined };
    const known = deps.store.images.findAnywhere(imported.fingerprint);
    if (known !== undefined) {
      const properties = { ...imported.metadata.properties, ...input.properties };
      return shareImage(deps, known, { ...image, properties });
    }
    context.progress({ stage: 'unpacking the image' });
    await using layer = await deps.storage.stageLayer(owner);
    await deps.images.unpack(files, layer.path, owner, context);
    return await recordImage(deps, layer, files, imported, image);
  } finally {
    // After success they are elsewhere.
    await rm(files.metadata, { force: true });
    if (files.rootfs !== undefined) await rm(files.rootfs, { force: true });
  }
}
