import { Revert } from '../../base/revert.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import { formatMetadata } from '../../image/metadata.ts';
import type { ImageFiles, ImportedImage } from '../../image/types.ts';
import type { OwnerRange, StagedLayer } from '../../storage/types.ts';
import { SLICE_SIZE, sliceAt } from '../../userns/slices.ts';
import { removeUnusedLayers } from '../layers.ts';
import { grantedIds } from '../slices.ts';
import type { EngineDeps, ImageRecord, ImageSourceRecord } from '../types.ts';
import { removeImageFiles, storeImageFiles } from './files.ts';
import { getImage } from './list.ts';

/** What is recorded of an image besides what its files say. */
export interface NewImage {
  readonly filename: string;
  readonly properties: StringMap;
  readonly profiles: readonly string[];
  readonly public: boolean;
  readonly autoUpdate: boolean;
  readonly cached: boolean;
  readonly expiresAtMs: number | undefined;
  readonly recipe: string | undefined;
  readonly source?: ImageSourceRecord | undefined;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
  /** Its aliases go over, and its rows go; the caller then calls `finishReplacement`. */
  readonly replaces?: ImageRecord | undefined;
}

/** Images are unpacked for the slice that machines share; others get copies. Throws `host_lacks`. */
export function imageOwner(deps: Pick<EngineDeps, 'ids'>): OwnerRange {
  const granted = grantedIds(deps.ids.u0);
  if (granted < SLICE_SIZE) {
    throw new WarrenError('host_lacks', {
      what: 'unpack an image',
      found: `${deps.ids.user} is granted ${granted} subordinate ids`,
      wanted: `${SLICE_SIZE}`,
      hint: 'warren doctor',
    });
  }
  return sliceAt(0);
}

/**
 * Commits an unpacked layer and the files it came from as an image. Directory and files come first
 * and the rows last: what has no row is removed by recovery.
 */
export async function recordImage(
  deps: EngineDeps,
  layer: StagedLayer,
  files: ImageFiles,
  imported: ImportedImage,
  image: NewImage,
): Promise<ImageRecord> {
  const { fingerprint, metadata, templateFiles } = imported;
  const { store } = deps;
  await using undo = new Revert((what, error) => {
    deps.log.warn({ err: error, fingerprint, what }, 'a failed import was not undone completely');
  });
  await layer.commit();
  undo.push('remove the layer', () => deps.storage.removeLayer(layer.id));
  refuseExisting(deps, fingerprint);
  undo.push('remove the files', () => removeImageFiles(deps, fingerprint));
  await storeImageFiles(deps, fingerprint, files);
  store.transaction(() => {
    const id = store.images.insert({
      fingerprint,
      architecture: metadata.architecture,
      filename: image.filename,
      sizeBytes: imported.sizeBytes,
      properties: { ...metadata.properties, ...image.properties },
      profiles: image.profiles,
      public: image.public,
      autoUpdate: image.autoUpdate,
      cached: image.cached,
      createdAtMs: metadata.creationDate * 1000,
      uploadedAtMs: deps.now(),
      expiresAtMs:
        image.expiresAtMs ?? (metadata.expiryDate > 0 ? metadata.expiryDate * 1000 : undefined),
      format: files.rootfs === undefined ? 'unified' : 'split',
      recipe: image.recipe,
      source: image.source,
    });
    store.imageTemplates.replace(id, { metadata: formatMetadata(metadata), files: templateFiles });
    store.layers.insert({ id: layer.id, owner: imageOwner(deps), shiftedFrom: undefined });
    store.layers.addToImage(id, layer.id);
    for (const alias of image.aliases) store.aliases.insert({ ...alias, imageId: id });
    if (image.replaces !== undefined) replaceImage(deps, image.replaces, id);
  });
  undo.keep();
  deps.events.lifecycle({
    action: 'image-created',
    subject: { kind: 'image', name: fingerprint },
    context: { type: 'container' },
  });
  return getImage(deps, fingerprint);
}

export function refuseExisting(deps: EngineDeps, fingerprint: string): void {
  if (deps.store.images.find(fingerprint) === undefined) return;
  throw new WarrenError('exists', { kind: 'image', name: fingerprint.slice(0, 12) });
}

/** Rows alone, for a transaction: the aliases of an image become those of another, and it goes. */
export function replaceImage(deps: EngineDeps, old: ImageRecord, id: number): void {
  // As they are by now, if it is still there.
  for (const { name, description } of getImage(deps, old.fingerprint).aliases) {
    deps.store.aliases.set(name, description, id);
  }
  deps.store.images.delete(old.id);
}

/** What has no row any more of an image that was replaced. Recovery does the same. */
export async function finishReplacement(deps: EngineDeps, old: ImageRecord): Promise<void> {
  await removeUnusedLayers(deps);
  await removeImageFiles(deps, old.fingerprint);
  deps.events.lifecycle({
    action: 'image-refreshed',
    subject: { kind: 'image', name: old.fingerprint },
    context: {},
  });
}

/** Takes an image away: rows, layers that nothing else stands on, files. */
export async function forgetImage(deps: EngineDeps, image: ImageRecord): Promise<void> {
  deps.store.reclaim(() => {
    deps.store.images.delete(image.id);
  });
  await removeUnusedLayers(deps);
  await removeImageFiles(deps, image.fingerprint);
}
