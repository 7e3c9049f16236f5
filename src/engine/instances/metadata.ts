import { WarrenError } from '../../contract/errors.ts';
import { formatMetadata, parseMetadata } from '../../image/metadata.ts';
import { isTemplateName } from '../../image/template/files.ts';
import { maxTemplateBytes } from '../../image/template/parse.ts';
import type { ImageDescription, ImageMetadata } from '../../image/types.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';
import { getInstance } from './list.ts';

/** Most templates that a machine may have. */
const maxTemplates = 200;

/**
 * What a machine remembers of its image, and its templates. Of one that was made before these were
 * kept: its `image.*` keys.
 */
export function describeInstance(deps: EngineDeps, record: InstanceRecord): ImageDescription {
  const kept = deps.store.instanceTemplates.find(record.id);
  if (kept === undefined) return { metadata: plainMetadata(record), templateFiles: {} };
  const metadata = parseMetadata(Buffer.from(kept.metadata), `read the metadata of ${record.name}`);
  return { metadata, templateFiles: kept.files };
}

function plainMetadata(record: InstanceRecord): ImageMetadata {
  const properties = Object.entries(record.config)
    .filter(([key]) => key.startsWith('image.'))
    .map(([key, value]): [string, string] => [key.slice('image.'.length), value]);
  return {
    architecture: record.architecture,
    creationDate: Math.floor(record.createdAtMs / 1000),
    expiryDate: 0,
    properties: Object.fromEntries(properties),
    templates: {},
  };
}

/**
 * Replaces the metadata of a machine; `change` makes the new from the old one, in the transaction.
 * Throws what it throws.
 */
export function updateMetadata(
  deps: EngineDeps,
  name: string,
  change: (old: ImageMetadata) => ImageMetadata,
): void {
  deps.store.transaction(() => {
    const record = getInstance(deps, name);
    const metadata = change(describeInstance(deps, record).metadata);
    deps.store.instanceTemplates.setMetadata(record.id, formatMetadata(metadata));
  });
  deps.events.lifecycle({
    action: 'instance-metadata-updated',
    subject: { kind: 'instance', name },
    context: {},
  });
}

/** The content of a template. Throws `not_found`. */
export function getTemplate(deps: EngineDeps, name: string, template: string): string {
  const { templateFiles } = describeInstance(deps, getInstance(deps, name));
  const content = Object.hasOwn(templateFiles, template) ? templateFiles[template] : undefined;
  if (content === undefined) throw noTemplate(name, template);
  return content;
}

/** Writes a template, new or not. Throws `invalid` for a name or a size that none may have. */
export function setTemplate(
  deps: EngineDeps,
  name: string,
  template: string,
  content: string,
): void {
  const what = `write a template of ${name}`;
  const refuse = (problem: string): WarrenError =>
    new WarrenError('invalid', { what, issues: [{ path: 'path', problem }] });
  if (!isTemplateName(template)) {
    const shown = JSON.stringify(template.slice(0, 80));
    throw refuse(`${shown} is no name of a template, wanted letters, digits, ".", "_" and "-"`);
  }
  if (Buffer.byteLength(content) > maxTemplateBytes) throw refuse('it is longer than 64 KiB');
  const isNew = deps.store.transaction(() => {
    const record = getInstance(deps, name);
    const { metadata, templateFiles } = describeInstance(deps, record);
    const is = !Object.hasOwn(templateFiles, template);
    if (is && Object.keys(templateFiles).length >= maxTemplates) {
      throw refuse(`there are ${maxTemplates} templates already`);
    }
    // Of a machine without a row: what is known becomes one, or its templates would not be found.
    deps.store.instanceTemplates.setMetadata(record.id, formatMetadata(metadata));
    deps.store.instanceTemplates.setFile(record.id, template, content);
    return is;
  });
  deps.events.lifecycle({
    action: `instance-metadata-template-${isNew ? 'created' : 'updated'}`,
    subject: { kind: 'instance', name },
    context: { path: template },
  });
}

/** Throws `not_found`. */
export function deleteTemplate(deps: EngineDeps, name: string, template: string): void {
  deps.store.transaction(() => {
    const { id } = getInstance(deps, name);
    if (!deps.store.instanceTemplates.removeFile(id, template)) throw noTemplate(name, template);
  });
  deps.events.lifecycle({
    action: 'instance-metadata-template-deleted',
    subject: { kind: 'instance', name },
    context: { path: template },
  });
}

function noTemplate(name: string, template: string): WarrenError {
  return new WarrenError('not_found', { kind: 'template', name: template, owner: name });
}
