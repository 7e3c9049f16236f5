import type { ImageMetadataView } from '../../contract/api/instances.ts';
import type { ImageMetadata } from '../../image/types.ts';

/** An image's metadata on the wire. */
export function metadataView(metadata: ImageMetadata): ImageMetadataView {
  const templates = Object.entries(metadata.templates).map(
    ([path, { when, template, createOnly, properties }]) =>
      [path, { when, create_only: createOnly, template, properties }] as const,
  );
  return {
    architecture: metadata.architecture,
    creation_date: metadata.creationDate,
    expiry_date: metadata.expiryDate,
    properties: metadata.properties,
    templates: Object.fromEntries(templates),
  };
}
