import { stringify } from 'yaml';

import { hasControlCharacter } from '../base/text.ts';
import { WarrenError, type Issue } from '../contract/errors.ts';
import { parseArchitecture } from './architectures.ts';
import { parseHostileYaml, type YamlMap } from './hostile-yaml.ts';
import { isTemplateName } from './template/files.ts';
import type { ImageMetadata } from './types.ts';

/** Longest `metadata.yaml` that is read. */
export const maxMetadataBytes = 1024 * 1024;

/** Words and marks in it. Honest files have some hundreds. */
const maxTokens = 20_000;
const maxItems = 1000;
const maxValueLength = 64 * 1024;
/** 9999-12-31, the last second RFC 3339 can say. */
const lastSecond = 253_402_300_799;
const triggers = ['create', 'copy', 'start', 'rename'] as const;

type Template = ImageMetadata['templates'][string];
type Report = (path: string, problem: string) => void;

/**
 * Reads `metadata.yaml` (LXD image format). Throws `invalid` with everything that is wrong with it.
 * Mappings are read as `Map`, so no key can reach a prototype; aliases may not multiply.
 */
export function parseMetadata(content: Buffer, what: string): ImageMetadata {
  const issues: Issue[] = [];
  const report: Report = (path, problem) => {
    if (issues.length < 50) issues.push({ path: `metadata.yaml${path}`, problem });
  };
  const root = parseHostileYaml(content, { maxBytes: maxMetadataBytes, maxTokens }, report);
  const metadata = root === undefined ? undefined : readRoot(root, report);
  if (metadata === undefined || issues.length > 0)
    throw new WarrenError('invalid', { what, issues });
  return metadata;
}

/** The text of a `metadata.yaml` that LXD and `parseMetadata` read. */
export function formatMetadata(metadata: ImageMetadata): string {
  return stringify({
    architecture: metadata.architecture,
    creation_date: metadata.creationDate,
    expiry_date: metadata.expiryDate,
    properties: metadata.properties,
    templates: Object.fromEntries(
      Object.entries(metadata.templates).map(
        ([path, { when, template, createOnly, properties }]) => [
          path,
          { when, template, create_only: createOnly, properties },
        ],
      ),
    ),
  });
}

/**
 * Whether a text that `formatMetadata` wrote names no template. Most do not, and to read all of it
 * would be a noticeable part of a start.
 */
export function namesNoTemplate(text: string): boolean {
  return /^templates: \{\}$/m.test(text);
}

function readRoot(root: YamlMap, report: Report): ImageMetadata | undefined {
  const named = root.get('architecture');
  const architecture = typeof named === 'string' ? parseArchitecture(named) : undefined;
  if (architecture === undefined) {
    report('.architecture', `${show(named)} is unknown, wanted a name such as x86_64`);
  }
  const creationDate = readTime(root, 'creation_date', report);
  const expiryDate = root.has('expiry_date') ? readTime(root, 'expiry_date', report) : 0;
  const properties = readStrings(root.get('properties'), '.properties', report);
  const templates = readTemplates(root.get('templates'), report);
  if (architecture === undefined || creationDate === undefined) return undefined;
  return { architecture, creationDate, expiryDate: expiryDate ?? 0, properties, templates };
}

function readTime(root: YamlMap, key: string, report: Report): number | undefined {
  const value = root.get(key);
  const isTime = typeof value === 'number' && Number.isInteger(value);
  if (isTime && value >= 0 && value <= lastSecond) return value;
  report(`.${key}`, `${show(value)} is no time, wanted seconds since 1970`);
  return undefined;
}

function readStrings(value: unknown, path: string, report: Report): Record<string, string> {
  const strings: [string, string][] = [];
  for (const [key, item] of readEntries(value, path, report)) {
    if (!['string', 'number', 'boolean', 'bigint'].includes(typeof item)) {
      report(`${path}.${key}`, `${show(item)} is no text`);
    } else if (String(item).length > maxValueLength) {
      report(`${path}.${key}`, 'it is longer than 64 KiB');
    } else {
      strings.push([key, String(item)]);
    }
  }
  return Object.fromEntries(strings);
}

function readTemplates(value: unknown, report: Report): ImageMetadata['templates'] {
  const templates: [string, Template][] = [];
  for (const [path, item] of readEntries(value, '.templates', report)) {
    const at = `.templates.${path}`;
    if (!path.startsWith('/') || path.split('/').includes('..')) {
      report(at, 'the path is not absolute or contains ".."');
    }
    if (!(item instanceof Map)) {
      report(at, `${show(item)} is no mapping`);
      continue;
    }
    templates.push([path, readTemplate(item as YamlMap, at, report)]);
  }
  return Object.fromEntries(templates);
}

function readTemplate(item: YamlMap, at: string, report: Report): Template {
  const template = item.get('template');
  const isName = typeof template === 'string' && isTemplateName(template);
  if (!isName) report(`${at}.template`, `${show(template)} is no file name`);

  const when = item.get('when');
  const isWhen = Array.isArray(when) && when.length <= 10 && when.every(isTrigger);
  if (!isWhen) report(`${at}.when`, `wanted a list of ${triggers.join(', ')}`);

  const createOnly = item.get('create_only') ?? false;
  if (typeof createOnly !== 'boolean') report(`${at}.create_only`, 'wanted true or false');
  return {
    when: isWhen ? when : [],
    template: isName ? template : '',
    createOnly: createOnly === true,
    properties: readStrings(item.get('properties'), `${at}.properties`, report),
  };
}

/** Entries of an optional mapping whose keys are text. */
function readEntries(value: unknown, path: string, report: Report): [string, unknown][] {
  if (value === undefined || value === null) return [];
  if (!(value instanceof Map)) {
    report(path, `${show(value)} is no mapping`);
    return [];
  }
  if (value.size > maxItems) {
    report(path, `it has more than ${maxItems} entries`);
    return [];
  }
  const entries: [string, unknown][] = [];
  for (const [key, item] of value as YamlMap) {
    if (isKey(key)) entries.push([key, item]);
    else report(path, `${show(key)} is no usable key`);
  }
  return entries;
}

function isKey(key: unknown): key is string {
  return (
    typeof key === 'string' &&
    key.length > 0 &&
    key.length <= 255 &&
    !hasControlCharacter(key) &&
    key !== '__proto__'
  );
}

function isTrigger(value: unknown): value is (typeof triggers)[number] {
  return (triggers as readonly unknown[]).includes(value);
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 60));
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (value === undefined || value === null) return 'nothing';
  return value instanceof Map ? 'a mapping' : 'a list';
}
