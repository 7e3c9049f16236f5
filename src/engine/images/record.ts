import { Revert } from '../../base/revert.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import { formatMetadata } from '../../image/metadata.ts';
import type { ImageFiles, ImportedImage } from '../../image/types.ts';
import type { OwnerRange, StagedLayer } from '../../storage/types.ts';
import { sliceSize, sliceAt } from '../../userns/slices.ts';
import { removeUnusedLayers } from '../layers.ts';
import { hasFeature } from '../projects/features.ts';
import { getProject } from '../projects/list.ts';
import { grantedIds } from '../slice-plan.ts';
import type { EngineDeps, ImageRecord, ImageSourceRecord } from '../types.ts';
import { placeImageFiles, removeImageFiles } from './files.ts';
import { getImage } from './list.ts';

/** What is recorded of an image besides what its files say. */
export interface NewImage {
  /** The project that is to have it. */
  readonly project: string;
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

/**
 * Images are unpacked for the slice that machines share; others get copies. Throws `host_lacks`.
 */
export function imageOwner(deps: Pick<EngineDeps, 'ids'>): OwnerRange {
  const granted = grantedIds(deps.ids.u0);
  if (granted < sliceSize) {
    throw new WarrenError('host_lacks', {
      what: 'unpack an image',
      found: `${deps.ids.user} is granted ${granted} subordinate ids`,
      wanted: `${sliceSize}`,
      hint: 'warren doctor',
    });
  }
  return sliceAt(0);
}

/** What the files of an image say of it. */
type Said = Pick<
  ImageRecord,
  | 'fingerprint'
  | 'architecture'
  | 'sizeBytes'
  | 'properties'
  | 'createdAtMs'
  | 'expiresAtMs'
  | 'format'
>;

/**
 * Commits an unpacked layer and the files it came from as an image. Directory and files come first
 * and the rows last: what has no row is removed by recovery. Where another project has an image of
 * the same bytes, its layer and files are those of this one too.
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
  // Nothing is waited for from here on: others may be about to have the same bytes, or to lose
  // them.
  refuseExisting(deps, image.project, fingerprint);
  const known = store.images.findAnywhere(fingerprint);
  if (known !== undefined) {
    const properties = { ...metadata.properties, ...image.properties };
    return shareImage(deps, known, { ...image, properties });
  }
  undo.push('remove the files', () => removeImageFiles(deps, fingerprint));
  placeImageFiles(deps, fingerprint, files);
  store.transaction(() => {
    const id = insertImage(deps, image, {
      fingerprint,
      architecture: metadata.architecture,
      sizeBytes: imported.sizeBytes,
      properties: metadata.properties,
      createdAtMs: metadata.creationDate * 1000,
      expiresAtMs: metadata.expiryDate > 0 ? metadata.expiryDate * 1000 : undefined,
      format: files.rootfs === undefined ? 'unified' : 'split',
    });
    store.imageTemplates.replace(id, { metadata: formatMetadata(metadata), files: templateFiles });
    store.layers.insert({ id: layer.id, owner: imageOwner(deps), shiftedFrom: undefined });
    store.layers.addToImage(id, layer.id);
  });
  undo.keep();
  return tellCreated(deps, image.project, fingerprint);
}

/** Makes what is an image of one project an image of another one: rows alone. Throws `exists`. */
export function shareImage(deps: EngineDeps, known: ImageRecord, image: NewImage): ImageRecord {
  const { store } = deps;
  store.transaction(() => {
    const id = insertImage(deps, image, known);
    const described = store.imageTemplates.find(known.id);
    if (described !== undefined) store.imageTemplates.replace(id, described);
    for (const layer of store.layers.listOfImage(known.id)) store.layers.addToImage(id, layer.id);
  });
  return tellCreated(deps, image.project, known.fingerprint);
}

/**
 * The row with its aliases, for a transaction. Throws `not_found`, `wrong_state` of its project.
 */
function insertImage(deps: EngineDeps, image: NewImage, said: Said): number {
  const { store } = deps;
  const { project, replaces } = image;
  refuseWithoutImages(deps, project);
  const id = store.images.insert({
    project,
    fingerprint: said.fingerprint,
    architecture: said.architecture,
    filename: image.filename,
    sizeBytes: said.sizeBytes,
    properties: { ...said.properties, ...image.properties },
    profiles: image.profiles,
    public: image.public,
    autoUpdate: image.autoUpdate,
    cached: image.cached,
    createdAtMs: said.createdAtMs,
    uploadedAtMs: deps.now(),
    expiresAtMs: image.expiresAtMs ?? said.expiresAtMs,
    format: said.format,
    recipe: image.recipe,
    source: image.source,
  });
  for (const alias of image.aliases) store.aliases.insert({ ...alias, project, imageId: id });
  if (replaces !== undefined) {
    replaceImage(deps, replaces, id);
    if (replaces.lastUsedAtMs !== undefined) store.images.setUsed(id, replaces.lastUsedAtMs);
  }
  return id;
}

/** A project whose images are those of `default` would neither show nor delete one of its own. */
function refuseWithoutImages(deps: EngineDeps, name: string): void {
  if (hasFeature(getProject(deps, name), 'features.images')) return;
  throw new WarrenError('wrong_state', {
    name,
    action: 'add an image to',
    state: 'without images of its own',
    wanted: 'features.images=true',
  });
}

function tellCreated(deps: EngineDeps, project: string, fingerprint: string): ImageRecord {
  deps.events.lifecycle({
    action: 'image-created',
    subject: { kind: 'image', project, name: fingerprint },
    context: { type: 'container' },
  });
  return getImage(deps, project, fingerprint);
}

/** Throws `exists` for bytes that the project has an image of. */
export function refuseExisting(deps: EngineDeps, project: string, fingerprint: string): void {
  if (deps.store.images.find(project, fingerprint) === undefined) return;
  const name = fingerprint.slice(0, 12);
  throw new WarrenError('exists', {
    kind: 'image',
    name,
    hint: `warren image alias create NAME ${name}`,
  });
}

/** Rows alone, for a transaction: the aliases of an image become those of another, and it goes. */
export function replaceImage(
  deps: EngineDeps,
  { id, project, fingerprint }: ImageRecord,
  newId: number,
): void {
  // As they are by now, if it is still there.
  for (const { name, description } of getImage(deps, project, fingerprint).aliases) {
    deps.store.aliases.set(project, name, description, newId);
  }
  deps.store.images.delete(id);
}

/** What has no row any more of an image that was replaced. Recovery does the same. */
export async function finishReplacement(deps: EngineDeps, old: ImageRecord): Promise<void> {
  const { project, fingerprint } = old;
  await removeUnusedLayers(deps);
  await removeImageFiles(deps, fingerprint);
  deps.events.lifecycle({
    action: 'image-refreshed',
    subject: { kind: 'image', project, name: fingerprint },
    context: {},
  });
}

/** Takes an image away: rows, layers that nothing else stands on, files that no project needs. */
export async function forgetImage(deps: EngineDeps, image: ImageRecord): Promise<void> {
  deps.store.reclaim(() => {
    deps.store.images.delete(image.id);
  });
  await removeUnusedLayers(deps);
  await removeImageFiles(deps, image.fingerprint);
}
