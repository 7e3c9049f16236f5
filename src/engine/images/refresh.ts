import { WarrenError } from '../../contract/errors.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';
import { buildImage } from './ensure.ts';
import { getImage } from './list.ts';
import { finishReplacement } from './record.ts';
import { fetchNewer } from './remote.ts';

/**
 * Builds an image anew, from what its recipe's sources have now, or fetches what its server has
 * now. The new one takes over aliases, profiles and settings and the old one goes; machines made
 * from that keep their layers. Returns whether it became another. Throws `unsupported` for one that
 * is from neither.
 */
export async function refreshImage(
  deps: EngineDeps,
  project: string,
  fingerprint: string,
  context: WorkContext,
): Promise<boolean> {
  const image = getImage(deps, project, fingerprint);
  const what = `refresh ${image.aliases[0]?.name ?? fingerprint.slice(0, 12)}`;
  const where = project === 'default' ? '' : ` in ${project}`;
  if (image.source !== undefined) {
    const { source } = image;
    checkImagePolicy(deps, what, { kind: 'import', fingerprint: undefined });
    const fresh = await deps.live.builds.run(
      `Refresh of ${source.alias}${where}`,
      context,
      (shared) => fetchNewer(deps, image, source, shared),
    );
    return await finish(deps, image, fresh);
  }
  const recipe = image.recipe === undefined ? undefined : deps.images.findRecipe(image.recipe);
  if (recipe === undefined) {
    throw new WarrenError('unsupported', {
      what,
      why: 'it is from a file or a machine, so that nothing says where a newer one is',
    });
  }
  checkImagePolicy(deps, what, { kind: 'recipe', alias: recipe.alias });
  const fresh = await deps.live.builds.run(
    `Refresh of ${recipe.alias}${where}`,
    context,
    (shared) => buildImage(deps, project, recipe, shared, image),
  );
  return await finish(deps, image, fresh);
}

async function finish(deps: EngineDeps, old: ImageRecord, fresh: ImageRecord): Promise<boolean> {
  if (fresh.fingerprint === old.fingerprint) return false;
  await finishReplacement(deps, old);
  return true;
}
