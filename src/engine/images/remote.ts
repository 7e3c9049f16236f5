import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';

import { hostPath } from '../../base/brand.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import type { ImageServer, OfferedImage } from '../../image/download/offer.ts';
import { WebServer } from '../../image/download/web.ts';
import { StreamServer } from '../../image/simplestreams/server.ts';
import { checkImagePolicy } from '../policy/policy.ts';
import type { EngineDeps, ImageRecord, ImageSourceRecord, WorkContext } from '../types.ts';
import { checkAliasName } from './aliases.ts';
import { importImage } from './import.ts';
import { getImage } from './list.ts';
import { replaceImage, shareImage, type NewImage } from './record.ts';

/** An image of a server of images. */
export interface RemoteImage {
  readonly server: string;
  /**
   * `simplestreams`, or `direct` for a single image on a web server. Empty is what LXD's own
   * protocol is called, which warren does not speak.
   */
  readonly protocol: string;
  /** An alias there, or a fingerprint; the URL of a single image. */
  readonly reference: string;
}

export interface FetchImageInput {
  /** The project that is to have it. */
  readonly project: string;
  readonly remote: RemoteImage;
  readonly public: boolean;
  readonly autoUpdate: boolean;
  /** For a launch, not asked for by itself. */
  readonly cached: boolean;
  readonly aliases: readonly { readonly name: string; readonly description: string }[];
  /** Undefined: as it is called there. */
  readonly filename?: string | undefined;
  /** Added to those it has there. */
  readonly properties?: StringMap | undefined;
  readonly profiles?: readonly string[] | undefined;
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
  const { project, remote, aliases } = input;
  const what = `fetch ${remote.reference}`;
  using _ = deps.live.imagesUnderWay.hold(project);
  checkImagePolicy(deps, what, { kind: 'import', fingerprint: undefined });
  for (const { name } of aliases) checkAliasName(name);
  const server = openServer(deps, remote);
  const image = await findOrDownload(deps, server, input, context);
  deps.store.transaction(() => {
    const current = getImage(deps, project, image.fingerprint);
    const { id } = current;
    if (!input.cached && current.cached) deps.store.images.setCached(id, false);
    deps.store.images.setSettings(id, {
      ...current,
      public: current.public || input.public,
      autoUpdate: current.autoUpdate || input.autoUpdate,
      properties: { ...current.properties, ...input.properties },
      profiles: input.profiles ?? current.profiles,
    });
    for (const { name, description } of aliases) {
      if (deps.store.aliases.find(project, name) === undefined) {
        deps.store.aliases.insert({ project, name, description, imageId: id });
      } else deps.store.aliases.set(project, name, description, id);
    }
  });
  return getImage(deps, project, image.fingerprint);
}

async function findOrDownload(
  deps: EngineDeps,
  server: ImageServer,
  input: FetchImageInput,
  context: WorkContext,
): Promise<ImageRecord> {
  const { project, remote } = input;
  let found: OfferedImage;
  try {
    found = await server.find(remote.reference, context);
  } catch (error) {
    // While a server does not answer, a launch makes do with what was fetched from it before.
    const isAway = input.cached && isWarrenError(error, 'host_lacks');
    const kept = isAway ? findKept(deps, project, remote) : undefined;
    if (kept === undefined) throw error;
    deps.log.warn({ err: error, image: kept.fingerprint }, 'an image was taken as it is here');
    return kept;
  }
  const { fingerprint } = found;
  const known = deps.store.images.find(project, fingerprint);
  if (known !== undefined) return known;
  checkImagePolicy(deps, `fetch ${remote.reference}`, { kind: 'import', fingerprint });
  if (deps.store.images.findAnywhere(fingerprint) === undefined) {
    const key = `Download of ${fingerprint.slice(0, 12)}`;
    await deps.live.builds.run(key, context, (shared) =>
      download(deps, found, input, undefined, shared),
    );
  }
  // The download that was joined may have been begun for another project.
  return deps.store.images.find(project, fingerprint) ?? share(deps, found, input, undefined);
}

/** Makes what another project has downloaded an image of this one, too. */
function share(
  deps: EngineDeps,
  found: OfferedImage,
  input: FetchImageInput,
  replaces: ImageRecord | undefined,
): ImageRecord {
  const { fingerprint } = found;
  const known = deps.store.images.findAnywhere(fingerprint);
  if (known === undefined) throw new WarrenError('not_found', { kind: 'image', name: fingerprint });
  checkImagePolicy(deps, `fetch ${input.remote.reference}`, { kind: 'import', fingerprint });
  return shareImage(deps, known, { ...imageOf(found, input, replaces), recipe: undefined });
}

function findKept(deps: EngineDeps, project: string, remote: RemoteImage): ImageRecord | undefined {
  return deps.store.images
    .list(project)
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
  const { fingerprint } = found;
  checkImagePolicy(deps, `fetch ${source.alias}`, { kind: 'import', fingerprint });
  const { project, public: isPublic, autoUpdate, cached } = old;
  const same = deps.store.images.find(project, found.fingerprint);
  if (same !== undefined) {
    deps.store.transaction(() => {
      replaceImage(deps, old, same.id);
    });
    return getImage(deps, project, same.fingerprint);
  }
  const input = { project, remote, public: isPublic, autoUpdate, cached, aliases: [] };
  const isHere = deps.store.images.findAnywhere(found.fingerprint) !== undefined;
  if (isHere) return share(deps, found, input, old);
  return await download(deps, found, input, old, context);
}

function openServer(deps: EngineDeps, { server, protocol, reference }: RemoteImage): ImageServer {
  if (protocol === 'simplestreams') return new StreamServer(server, deps.architecture);
  if (protocol === 'direct') return new WebServer(deps.architecture);
  throw new WarrenError('unsupported', {
    what: `fetch ${reference}`,
    why: `the server ${server} speaks "${protocol === '' ? 'lxd' : protocol}", and warren fetches images of simplestreams servers`,
    hint: 'lxc image export REMOTE:IMAGE FILE',
  });
}

async function download(
  deps: EngineDeps,
  found: OfferedImage,
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
    const files = await found.download(target, telling);
    return await importImage(
      deps,
      { ...imageOf(found, input, replaces), files, fingerprint: found.fingerprint },
      telling,
    );
  } finally {
    await rm(target.metadata, { force: true });
    await rm(target.rootfs, { force: true });
  }
}

/** What is recorded of an image of a server, in place of `replaces` where that is given. */
function imageOf(
  found: OfferedImage,
  { project, remote, ...input }: FetchImageInput,
  replaces: ImageRecord | undefined,
): Omit<NewImage, 'recipe'> {
  return {
    project,
    filename: input.filename ?? found.filename,
    properties: found.properties,
    profiles: replaces?.profiles ?? [],
    public: input.public,
    autoUpdate: input.autoUpdate,
    cached: input.cached,
    expiresAtMs: found.expiresAtMs,
    aliases: [],
    source: { server: remote.server, protocol: remote.protocol, alias: remote.reference },
    replaces,
  };
}
