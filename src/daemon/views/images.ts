import { timeOf } from './times.ts';

import type { Image, ImageAliasEntry } from '../../contract/api/images.ts';
import type { ImageAliasRecord, ImageRecord } from '../../engine/types.ts';

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
    ...(record.recipe === undefined
      ? {}
      : {
          update_source: {
            alias: record.recipe,
            server: '',
            protocol: 'warren-recipe',
            certificate: '',
            image_type: 'container',
          },
        }),
  };
}

export function aliasView(record: ImageAliasRecord): ImageAliasEntry {
  const { name, description, fingerprint } = record;
  return { name, description, target: fingerprint, type: 'container' };
}
