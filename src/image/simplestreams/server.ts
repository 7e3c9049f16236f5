import { WarrenError } from '../../contract/errors.ts';
import { fetchFile, fetchJson } from '../download/fetch.ts';
import { reportBytes, type ImageServer, type OfferedImage } from '../download/offer.ts';
import type { ImageFiles, WorkContext } from '../types.ts';
import { findStreamImage, parseIndex, parseProducts, type StreamImage } from './products.ts';

const maxIndexBytes = 4 * 1024 * 1024;
const maxProductsBytes = 64 * 1024 * 1024;
/** Lists of products that an index may name; they have one or a few. */
const maxLists = 20;

/** A simplestreams server: static files below `base`, an http or https URL. */
export class StreamServer implements ImageServer {
  readonly #base: string;
  readonly #architecture: string;

  /** Throws `invalid` for what is no such URL. `architecture` is that of this host. */
  constructor(base: string, architecture: string) {
    const url = URL.canParse(base) ? new URL(base) : undefined;
    if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
      const problem = `"${base.slice(0, 200)}" is no URL of a server, wanted https://…`;
      const issues = [{ path: 'source.server', problem }];
      throw new WarrenError('invalid', { what: 'find the image', issues });
    }
    this.#base = `${url.href.replace(/[?#].*$/, '').replace(/\/+$/, '')}/`;
    this.#architecture = architecture;
  }

  /** The image of an alias or fingerprint, as the server has it now. Throws `not_found`. */
  async find(reference: string, { signal }: Pick<WorkContext, 'signal'>): Promise<OfferedImage> {
    const options = { what: `find ${reference}`, signal };
    const index = await fetchJson(`${this.#base}streams/v1/index.json`, maxIndexBytes, options);
    for (const path of parseIndex(index).slice(0, maxLists)) {
      const list = await fetchJson(this.#base + path, maxProductsBytes, options);
      const image = findStreamImage(parseProducts(list), reference, this.#architecture);
      if (image !== undefined) {
        return {
          ...image,
          download: (target, context) => this.#download(image, target, context),
        };
      }
    }
    throw new WarrenError('not_found', { kind: `image on ${this.#base}`, name: reference });
  }

  async #download(
    { metadata, rootfs, filename }: StreamImage,
    target: Required<ImageFiles>,
    context: WorkContext,
  ): Promise<ImageFiles> {
    const all = metadata.sizeBytes + (rootfs?.sizeBytes ?? 0);
    const report = reportBytes(context);
    const options = (before: number) => ({
      what: `download ${filename}`,
      signal: context.signal,
      onBytes: (bytes: number) => {
        report(before + bytes, all);
      },
    });
    await fetchFile(this.#base + metadata.path, metadata, target.metadata, options(0));
    if (rootfs === undefined) return { metadata: target.metadata };
    const { sizeBytes } = metadata;
    await fetchFile(this.#base + rootfs.path, rootfs, target.rootfs, options(sizeBytes));
    return target;
  }
}
