import { parseArchitecture } from '../architectures.ts';
import { defaultLimits } from '../deps.ts';

/** A file of an image server, below its base URL. */
export interface StreamFile {
  readonly path: string;
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** A container image that a server offers. */
export interface StreamImage {
  /** sha256 of the files one after the other. */
  readonly fingerprint: string;
  readonly aliases: readonly string[];
  /** Canonical name. */
  readonly architecture: string;
  /** As Debian and the aliases have it: `amd64`. */
  readonly arch: string;
  readonly filename: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly expiresAtMs: number | undefined;
  readonly metadata: StreamFile;
  /** Undefined for a unified image. */
  readonly rootfs: StreamFile | undefined;
}

type Json = Readonly<Record<string, unknown>>;

/** Names of the item that has the metadata, ours first; the stock client knows LXD's alone. */
const metadataTypes = ['lxd.tar.xz', 'incus.tar.xz'] as const;
const unifiedTypes = ['lxd_combined.tar.gz', 'incus_combined.tar.gz'] as const;
/** Root file systems in the order in which an alias prefers them, with their key for both files. */
const rootTypes = [
  ['squashfs', ['combined_squashfs_sha256']],
  ['root.tar.xz', ['combined_rootxz_sha256', 'combined_sha256']],
] as const;

const maxProducts = 20_000;

/** Paths of the product lists that `streams/v1/index.json` names. What is none is left out. */
export function parseIndex(index: unknown): string[] {
  return Object.values(object(object(index)['index'])).flatMap((value) => {
    const { datatype, path, products } = object(value);
    const isEmpty = !Array.isArray(products) || products.length === 0;
    if (datatype !== 'image-downloads' || isEmpty) return [];
    return typeof path === 'string' && isPath(path) ? [path] : [];
  });
}

/** Every container image of a list of products; what is not understood is left out. */
export function parseProducts(list: unknown): StreamImage[] {
  return Object.values(object(object(list)['products']))
    .slice(0, maxProducts)
    .flatMap((product) => imagesOf(object(product)));
}

function imagesOf(product: Json): StreamImage[] {
  const arch = text(product['arch']);
  const architecture = parseArchitecture(arch);
  if (architecture === undefined) return [];
  const aliases = text(product['aliases'])
    .split(',')
    .map((alias) => alias.trim())
    .filter((alias) => alias !== '');
  return Object.entries(object(product['versions'])).flatMap(([serial, version]) => {
    if (!/^\d{8}/.test(serial)) return [];
    const items = Object.values(object(object(version)['items'])).map(object);
    const shared = { aliases, architecture, arch, expiresAtMs: endOf(product) };
    const about = { product, serial, label: text(object(version)['label']), arch };
    return pairsOf(items).map(({ metadata, rootfs, fingerprint, type }) => ({
      ...shared,
      fingerprint,
      metadata,
      rootfs,
      filename: metadata.path.slice(metadata.path.lastIndexOf('/') + 1),
      properties: propertiesOf(about, type),
    }));
  });
}

interface Pair extends Pick<StreamImage, 'metadata' | 'rootfs' | 'fingerprint'> {
  readonly type: string;
}

function pairsOf(items: readonly Json[]): Pair[] {
  const of = (type: string): Json | undefined => items.find(({ ftype }) => ftype === type);
  const head = metadataTypes.map(of).find((item) => item !== undefined);
  const metadata = head === undefined ? undefined : fileOf(head);
  const split = rootTypes.flatMap(([type, keys]): Pair[] => {
    const rootfs = fileOf(of(type) ?? {});
    const fingerprint = keys.map((key) => text(head?.[key])).find(isSha256);
    if (metadata === undefined || rootfs === undefined || fingerprint === undefined) return [];
    return [{ metadata, rootfs, fingerprint, type }];
  });
  const whole = unifiedTypes.flatMap((type): Pair[] => {
    const file = fileOf(of(type) ?? {});
    if (file === undefined) return [];
    return [{ metadata: file, rootfs: undefined, fingerprint: file.sha256, type }];
  });
  return [...split, ...whole];
}

function fileOf({ path, sha256, size }: Json): StreamFile | undefined {
  if (typeof path !== 'string' || !isPath(path)) return undefined;
  if (typeof sha256 !== 'string' || !isSha256(sha256)) return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size)) return undefined;
  if (size <= 0 || size > defaultLimits.maxBytes) return undefined;
  return { path, sha256, sizeBytes: size };
}

function propertiesOf(
  { product, serial, label, arch }: { product: Json; serial: string; label: string; arch: string },
  type: string,
): StreamImage['properties'] {
  const os = text(product['os']);
  const version = text(product['release_title']);
  const description = [os, version, arch, label === '' ? '' : `(${label})`, `(${serial})`];
  const requirements = Object.entries(object(product['lxd_requirements'])).map(([key, value]) => [
    `requirements.${key}`,
    text(value),
  ]);
  const all: readonly (readonly [string, string])[] = [
    ['os', os],
    ['release', text(product['release'])],
    ['version', text(product['version'])],
    ['variant', text(product['variant'])],
    ['architecture', arch],
    ['label', label],
    ['serial', serial],
    ['type', type],
    ['description', description.filter((part) => part !== '').join(' ')],
    ...(requirements as [string, string][]),
  ];
  return Object.fromEntries(all.filter(([, value]) => value !== ''));
}

function endOf(product: Json): number | undefined {
  const time = Date.parse(text(product['support_eol']));
  return Number.isFinite(time) && time > 0 ? time : undefined;
}

/**
 * What a person means: an alias (`debian/12`, for `architecture`; `debian/12/arm64`), or a
 * fingerprint or the beginning of one that only one image has. Of several versions the newest, as
 * the stock client chooses.
 */
export function findStreamImage(
  images: readonly StreamImage[],
  reference: string,
  architecture: string,
): StreamImage | undefined {
  const sorted = [...images].sort(compare);
  const named = sorted.find(
    ({ aliases, arch, architecture: own }) =>
      (own === architecture && aliases.includes(reference)) ||
      aliases.some((alias) => `${alias}/${arch}` === reference),
  );
  if (named !== undefined || !/^[0-9a-f]{8,64}$/.test(reference)) return named;
  const matching = sorted.filter(({ fingerprint }) => fingerprint.startsWith(reference));
  const isOne = new Set(matching.map(({ fingerprint }) => fingerprint)).size === 1;
  return isOne ? matching[0] : undefined;
}

function compare(a: StreamImage, b: StreamImage): number {
  const by = (key: string): number => order(a.properties[key] ?? '', b.properties[key] ?? '');
  return (
    by('os') ||
    by('release') ||
    by('variant') ||
    -by('serial') ||
    order(a.architecture, b.architecture) ||
    rank(a) - rank(b)
  );
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function rank({ properties }: StreamImage): number {
  const at = rootTypes.findIndex(([type]) => type === properties['type']);
  return at === -1 ? rootTypes.length : at;
}

/** Below the base: relative, without `..`, and nothing that makes it another URL. */
function isPath(path: string): boolean {
  return (
    path.length <= 1024 &&
    /^[A-Za-z0-9][\x21-\x7e]*$/.test(path) &&
    !/[\\?#:]/.test(path.split('/')[0] ?? '') &&
    !path.split('/').includes('..') &&
    !/[\\?#]/.test(path)
  );
}

function isSha256(value: string): boolean {
  return /^[0-9a-f]{64}$/.test(value);
}

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : {};
}

function text(value: unknown): string {
  return typeof value === 'string' && value.length <= 4096 ? value : '';
}
