import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';

import { hostPath } from '../../base/brand.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import type { StreamImage } from '../../image/simplestreams/products.ts';
import { StreamServer } from '../../image/simplestreams/server.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import type { EngineDeps, ImageRecord, ImageSourceRecord, WorkContext } from '../types.ts';
import { checkAliasName } from './aliases.ts';
import { importImage } from './import.ts';
import { getImage } from './list.ts';

/** An image of a server of images. */
export interface RemoteImage {
  readonly server: string;
  /** Empty is what LXD's own protocol is called, which warren does not speak. */
  readonly protocol: string;
  /** An alias there, or a fingerprint. */
  readonly reference: string;
}

export interface FetchImageInput {
  readonly remote: RemoteImage;
  readonly public: boolean;
  readonly autoUpdate: boolean;
  /** For a launch, not asked for by itself. */
  readonly cached: boolean;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
}

/**
 * The image of a server, downloaded once, however many ask, and kept: what it is, its fingerprint
 * says, which is checked over all of its bytes. Throws `unsupported` for other protocols.
 */
export async function fetchImage(
  deps: EngineDeps,
  input: FetchImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { remote, aliases } = input;
  const what = `fetch ${remote.reference}`;
  checkImagePolicy(deps, what, { kind: 'import', fingerprint: undefined });
  for (const { name } of aliases) checkAliasName(name);
  const server = openServer(deps, remote);
  const image = await findOrDownload(deps, server, input, context);
  deps.store.transaction(() => {
    const { id, autoUpdate, cached } = getImage(deps, image.fingerprint);
    if (!input.cached && cached) deps.store.images.setCached(id, false);
    if (input.autoUpdate && !autoUpdate) {
      deps.store.images.setSettings(id, { ...image, autoUpdate: true });
    }
    for (const { name, description } of aliases) {
      if (deps.store.aliases.find(name) === undefined) {
        deps.store.aliases.insert({ name, description, imageId: id });
      } else deps.store.aliases.set(name, description, id);
    }
  });
  return getImage(deps, image.fingerprint);
}

async function findOrDownload(
  deps: EngineDeps,
  server: StreamServer,
  input: FetchImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { remote } = input;
  let found: StreamImage;
  try {
    found = await server.find(remote.reference, context);
  } catch (error) {
    // A server that does not answer keeps nobody from what was fetched there before.
    const kept = isWarrenError(error, 'host_lacks') ? findKept(deps, remote) : undefined;
    if (kept === undefined) throw error;
    deps.log.warn({ err: error, image: kept.fingerprint }, 'an image was taken as it is here');
    return kept;
  }
  const key = `Download of ${found.fingerprint.slice(0, 12)}`;
  return (
    deps.store.images.find(found.fingerprint) ??
    (await deps.live.builds.run(key, context, (shared) =>
      download(deps, server, found, input, undefined, shared),
    ))
  );
}

function findKept(deps: EngineDeps, remote: RemoteImage): ImageRecord | undefined {
  return deps.store.images
    .list()
    .findLast(
      ({ source }) =>
        source?.server === remote.server &&
        source.protocol === remote.protocol &&
        source.alias === remote.reference,
    );
}

/** The image that its server has now, in place of `old`; `old` itself when that is the same. */
export async function fetchNewer(
  deps: EngineDeps,
  old: ImageRecord,
  source: ImageSourceRecord,
  context: WorkContext,
): Promise<ImageRecord> {
  const remote = { server: source.server, protocol: source.protocol, reference: source.alias };
  const server = openServer(deps, remote);
  const found = await server.find(source.alias, context);
  if (found.fingerprint === old.fingerprint) return old;
  const { public: isPublic, autoUpdate, cached } = old;
  const input = { remote, public: isPublic, autoUpdate, cached, aliases: [] };
  return await download(deps, server, found, input, old, context);
}

function openServer(deps: EngineDeps, { server, protocol, reference }: RemoteImage): StreamServer {
  if (protocol === 'simplestreams') return new StreamServer(server, deps.architecture);
  throw new WarrenError('unsupported', {
    what: `fetch ${reference}`,
    why: `the server ${server} speaks "${protocol === '' ? 'lxd' : protocol}", and warren fetches images of simplestreams servers`,
    hint: 'lxc image export REMOTE:IMAGE FILE',
  });
}

async function download(
  deps: EngineDeps,
  server: StreamServer,
  found: StreamImage,
  input: FetchImageInput,
  replaces: ImageRecord | undefined,
  context: WorkContext,
): Promise<ImageRecord> {
  const { remote } = input;
  const base = `${deps.paths.imagesDir}/download-${randomUUID()}`;
  const target = { metadata: hostPath(base), rootfs: hostPath(`${base}.rootfs`) };
  const title = `Downloading image ${remote.reference}`;
  const telling: WorkContext = {
    signal: context.signal,
    progress: (progress) => {
      context.progress({ title, ...progress });
    },
  };
  try {
    const files = await server.download(found, target, telling);
    return await importImage(
      deps,
      {
        files,
        filename: found.filename,
        properties: found.properties,
        profiles: replaces?.profiles ?? [],
        public: input.public,
        autoUpdate: input.autoUpdate,
        cached: input.cached,
        expiresAtMs: found.expiresAtMs,
        fingerprint: found.fingerprint,
        aliases: [],
        source: { server: remote.server, protocol: remote.protocol, alias: remote.reference },
        replaces,
      },
      telling,
    );
  } finally {
    await rm(target.metadata, { force: true });
    await rm(target.rootfs, { force: true });
  }
}
