import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { ImageFiles, WorkContext } from '../types.ts';
import { fetchFile, fetchJson } from './fetch.ts';
import { findStreamImage, parseIndex, parseProducts, type StreamImage } from './products.ts';

const maxIndexBytes = 4 * 1024 * 1024;
const maxProductsBytes = 64 * 1024 * 1024;
/** Lists of products that an index may name; they have one or a few. */
const maxLists = 20;
const progressIntervalMs = 200;

/** A simplestreams server: static files below `base`, an http or https URL. */
export class StreamServer {
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
  async find(reference: string, { signal }: Pick<WorkContext, 'signal'>): Promise<StreamImage> {
    const options = { what: `find ${reference}`, signal };
    const index = await fetchJson(`${this.#base}streams/v1/index.json`, maxIndexBytes, options);
    for (const path of parseIndex(index).slice(0, maxLists)) {
      const list = await fetchJson(this.#base + path, maxProductsBytes, options);
      const image = findStreamImage(parseProducts(list), reference, this.#architecture);
      if (image !== undefined) return image;
    }
    throw new WarrenError('not_found', { kind: `image on ${this.#base}`, name: reference });
  }

  /** Writes the files of an image to `target` and beside it. The caller removes them on failure. */
  async download(
    image: StreamImage,
    target: ImageFiles & { readonly rootfs: HostPath },
    { signal, progress }: WorkContext,
  ): Promise<ImageFiles> {
    const { metadata, rootfs } = image;
    const what = `download ${image.filename}`;
    const all = metadata.sizeBytes + (rootfs?.sizeBytes ?? 0);
    let before = 0;
    let nextReport = 0;
    const onBytes = (bytes: number): void => {
      if (Date.now() < nextReport) return;
      nextReport = Date.now() + progressIntervalMs;
      const percent = Math.floor((100 * (before + bytes)) / all);
      progress({ stage: 'downloading', percent });
    };
    const options = { what, signal, onBytes };
    await fetchFile(this.#base + metadata.path, metadata, target.metadata, options);
    if (rootfs === undefined) return { metadata: target.metadata };
    before = metadata.sizeBytes;
    await fetchFile(this.#base + rootfs.path, rootfs, target.rootfs, options);
    return target;
  }
}
