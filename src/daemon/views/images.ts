import { timeOf } from '../../contract/api/times.ts';

import type { Image, ImageAliasEntry } from '../../contract/api/images.ts';
import type { ImageAliasRecord, ImageRecord } from '../../engine/types.ts';
import type { ImageRecipe } from '../../image/types.ts';

export function imageView(record: ImageRecord): Image {
  return {
    fingerprint: record.fingerprint,
    aliases: record.aliases.map(({ name, description }) => ({ name, description })),
    architecture: record.architecture,
    type: 'container',
    size: record.sizeBytes,
    filename: record.filename,
    properties: record.properties,
    profiles: record.profiles,
    public: record.public,
    auto_update: record.autoUpdate,
    cached: record.cached,
    created_at: timeOf(record.createdAtMs),
    uploaded_at: timeOf(record.uploadedAtMs),
    last_used_at: timeOf(record.lastUsedAtMs),
    expires_at: timeOf(record.expiresAtMs),
    ...(record.recipe === undefined ? {} : { update_source: updateSource(record.recipe) }),
    ...(record.source === undefined
      ? {}
      : { update_source: { ...record.source, certificate: '', image_type: 'container' } }),
  };
}

/** An image that a launch will build: nothing of it is known but its name, which stands for it. */
export function recipeView(recipe: ImageRecipe, architecture: string): Image {
  const { alias, description } = recipe;
  const never = timeOf(undefined);
  return {
    fingerprint: alias,
    aliases: [{ name: alias, description }],
    architecture,
    type: 'container',
    size: 0,
    filename: '',
    properties: { description },
    profiles: [],
    public: false,
    auto_update: false,
    cached: false,
    created_at: never,
    uploaded_at: never,
    last_used_at: never,
    expires_at: never,
    update_source: updateSource(alias),
  };
}

function updateSource(recipe: string): NonNullable<Image['update_source']> {
  return {
    alias: recipe,
    server: '',
    protocol: 'warren-recipe',
    certificate: '',
    image_type: 'container',
  };
}

export function aliasView(record: ImageAliasRecord): ImageAliasEntry {
  const { name, description, fingerprint } = record;
  return { name, description, target: fingerprint, type: 'container' };
}
