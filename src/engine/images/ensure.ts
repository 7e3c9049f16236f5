import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';

import { hostPath } from '../../base/brand.ts';
import { nearestName } from '../../base/text.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { ImageRecipe } from '../../image/types.ts';
import type { EngineDeps, ImageRecord, WorkContext } from '../types.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import { followsServer } from './cache-settings.ts';
import { findImage, getImage, listImages } from './list.ts';
import { imageOwner, recordImage, replaceImage, shareImage, type NewImage } from './record.ts';
import { fetchImage, type RemoteImage } from './remote.ts';

/**
 * The image of a project for a reference a person typed: alias, else fingerprint prefix, else a
 * recipe. That is built now (once, however many ask), unless another project has it, and cached
 * under its alias. Throws `not_found` with the nearest alias.
 */
export async function ensureImage(
  deps: EngineDeps,
  project: string,
  reference: string,
  context: WorkContext,
): Promise<ImageRecord> {
  const alias = deps.store.aliases.find(project, reference);
  const existing = findImage(deps, project, alias?.fingerprint ?? reference);
  if (existing !== undefined) return existing;
  const recipe = getImageRecipe(deps, project, reference);
  using _ = deps.live.imagesUnderWay.hold(project);
  checkImagePolicy(deps, `build ${recipe.alias}`, { kind: 'recipe', alias: recipe.alias });
  const built =
    listImages(deps).findLast(
      (image) => image.recipe === recipe.alias && image.project !== project,
    ) ??
    (await deps.live.builds.run(`Build of ${recipe.alias}`, context, (shared) =>
      buildImage(deps, project, recipe, shared),
    ));
  const { fingerprint } = built;
  // The build that was joined may have been begun for another project.
  if (built.project !== project && deps.store.images.find(project, fingerprint) === undefined) {
    shareImage(deps, getImage(deps, built.project, fingerprint), imageOf(project, recipe));
  }
  return getImage(deps, project, fingerprint);
}

/**
 * What `reference` would be built from. Throws `not_found` with the nearest name of an image or
 * recipe.
 */
export function getImageRecipe(deps: EngineDeps, project: string, reference: string): ImageRecipe {
  const recipe = deps.images.findRecipe(reference);
  if (recipe !== undefined) return recipe;
  const names = [
    ...deps.store.aliases.list(project).map(({ name }) => name),
    ...deps.images.recipes().map((known) => known.alias),
  ];
  throw new WarrenError('not_found', {
    kind: 'image',
    name: reference,
    nearest: nearestName(reference, names),
  });
}

/**
 * The image a new machine is to be made from. What `GET /1.0/images/RECIPE` gave out as fingerprint
 * of an image that is not built yet is a recipe's name.
 */
export async function getImageForSource(
  deps: EngineDeps,
  project: string,
  source:
    | { readonly alias: string }
    | { readonly fingerprint: string }
    | { readonly properties: StringMap }
    | { readonly remote: RemoteImage },
  context: WorkContext,
): Promise<ImageRecord> {
  if ('remote' in source) {
    const { remote } = source;
    // Followed when it has a name there, as LXD does it.
    const isName = !/^[0-9a-f]{12,64}$/.test(remote.reference);
    const autoUpdate = isName && followsServer(deps, project);
    const input = { project, remote, public: false, autoUpdate, cached: true, aliases: [] };
    return await fetchImage(deps, input, context);
  }
  if ('alias' in source) return ensureImage(deps, project, source.alias, context);
  if ('fingerprint' in source) return ensureImage(deps, project, source.fingerprint, context);
  const wanted = Object.entries(source.properties);
  const image = listImages(deps, project).findLast(({ properties }) =>
    wanted.every(([key, value]) => properties[key] === value),
  );
  if (image !== undefined) return image;
  const name = wanted.map(([key, value]) => `${key}=${value}`).join(' ');
  throw new WarrenError('not_found', { kind: 'image', name });
}

/**
 * Builds the image of a recipe, in place of `old` where that is given; what comes out may be `old`
 * again.
 */
export async function buildImage(
  deps: EngineDeps,
  project: string,
  recipe: ImageRecipe,
  context: WorkContext,
  old?: ImageRecord,
): Promise<ImageRecord> {
  const owner = imageOwner(deps);
  const file = hostPath(`${deps.paths.imagesDir}/build-${randomUUID()}`);
  const title = `Building image ${recipe.alias}`;
  const building: WorkContext = {
    signal: context.signal,
    progress: (progress) => {
      context.progress({ title, ...progress });
    },
  };
  try {
    await using layer = await deps.storage.stageLayer(owner);
    const imported = await deps.images.build(recipe, layer.path, file, owner, building);
    // The same bytes may have been imported by hand under another alias: then that is the image.
    const same = deps.store.images.find(project, imported.fingerprint);
    if (same !== undefined) {
      if (same.id === old?.id) return same;
      deps.store.transaction(() => {
        if (old !== undefined) replaceImage(deps, old, same.id);
        else {
          const alias = { project, name: recipe.alias, description: '' };
          deps.store.aliases.insert({ ...alias, imageId: same.id });
        }
      });
      return getImage(deps, project, same.fingerprint);
    }
    const image = imageOf(project, recipe, old);
    return await recordImage(deps, layer, { metadata: file }, imported, image);
  } finally {
    await rm(file, { force: true });
  }
}

/** What is recorded of an image that a recipe made, in place of `old` where that is given. */
function imageOf(project: string, recipe: ImageRecipe, old?: ImageRecord): NewImage {
  return {
    project,
    filename: `${recipe.alias.replaceAll('/', '-')}.tar.gz`,
    properties: {},
    profiles: old?.profiles ?? [],
    public: old?.public ?? false,
    autoUpdate: old?.autoUpdate ?? false,
    cached: old?.cached ?? true,
    expiresAtMs: undefined,
    recipe: recipe.alias,
    aliases: old ? [] : [{ name: recipe.alias, description: recipe.description }],
    replaces: old,
  };
}
