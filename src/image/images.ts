import { hostPath } from '../base/brand.ts';
import { WarrenError } from '../contract/errors.ts';
import { packBackup } from './backup/pack.ts';
import { openBackup, readBackupIndex } from './backup/read.ts';
import { buildImage } from './build/build.ts';
import { defaultLimits, type ImageDeps } from './deps.ts';
import { inspectImage } from './inspect.ts';
import { LayoutMemory } from './layouts.ts';
import { packImage } from './pack.ts';
import { listRecipes, parseAlias, recipeFor } from './recipes/aliases.ts';
import { makeSandbox } from './sandbox/sandbox.ts';
import { serveSftp } from './sftp.ts';
import type { Images } from './types.ts';
import { unpackImage } from './unpack.ts';

/**
 * Image work on this host, for one daemon at a time: what an earlier one left in `mountDir` is
 * removed at first use.
 */
export function makeImages(deps: ImageDeps): Images {
  const { log, hostArchitecture, limits = defaultLimits, ociRuntime = 'crun' } = deps;
  const workDir = hostPath(`${deps.paths.mountDir}/image`);
  const sandbox = makeSandbox({ workDir, ociRuntime });
  const shared = { sandbox, limits, hostArchitecture, log, layouts: new LayoutMemory() };
  return {
    inspect: (files, context) =>
      guard('read the image', context.signal, () => inspectImage(shared, files, context)),
    unpack: (files, target, slice, context) =>
      guard('unpack the image', context.signal, () =>
        unpackImage(shared, files, target, slice, context),
      ),
    recipes: listRecipes,
    findRecipe(alias) {
      const source = parseAlias(alias, hostArchitecture);
      return source === undefined ? undefined : recipeFor(source);
    },
    build: (recipe, target, file, slice, context) =>
      guard(`build ${recipe.alias}`, context.signal, () =>
        buildImage(shared, { recipe, target, file, slice }, context),
      ),
    pack: (input, context) =>
      guard('write the image', context.signal, () => packImage(sandbox, input, context)),
    packBackup: (input, context) =>
      guard('write the backup', context.signal, () => packBackup(sandbox, input, context)),
    readBackupIndex: (file, context) =>
      guard('read the backup', context.signal, () => readBackupIndex(shared, file, context)),
    openBackup: (file, slice, context, kind) => openBackup(shared, file, slice, context, kind),
    serveSftp: (root, slice, signal) => serveSftp(sandbox, root, slice, signal),
  };
}

/** A cancelled child breaks streams in many ways, all of which mean the same. */
async function guard<T>(what: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (signal.aborted) throw new WarrenError('cancelled', { what }, { cause: error });
    throw error;
  }
}
