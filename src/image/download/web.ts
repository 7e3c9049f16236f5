import { isFingerprint } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { WorkContext } from '../types.ts';
import { fetchFile, fetchHeaders } from './fetch.ts';
import { reportBytes, type ImageServer, type OfferedImage } from './offer.ts';
import { leadsOn } from './request.ts';

/**
 * A single image on a web server, as LXD imports it: asked for what is at a URL, the server answers
 * in headers, `LXD-Image-Hash` with the fingerprint and `LXD-Image-URL` with the place of the file.
 */
export class WebServer implements ImageServer {
  readonly #architecture: string;

  /** `architecture` is that of this host, which the server may choose by. */
  constructor(architecture: string) {
    this.#architecture = architecture;
  }

  async find(reference: string, { signal }: Pick<WorkContext, 'signal'>): Promise<OfferedImage> {
    const what = `import ${reference}`;
    parseWebUrl(reference);
    const sent = { 'LXD-Server-Architectures': this.#architecture };
    const { headers, url } = await fetchHeaders(reference, sent, { what, signal });
    const refuse = (found: string): WarrenError => new WarrenError('hostile', { what, found });
    const fingerprint = header('LXD-Image-Hash').toLowerCase();
    if (!isFingerprint(fingerprint)) {
      throw refuse(`${url} has an LXD-Image-Hash that is no fingerprint`);
    }
    const place = header('LXD-Image-URL');
    if (!URL.canParse(place, url)) throw refuse(`${url} has an LXD-Image-URL that is no URL`);
    const file = new URL(place, url).href;
    if (!leadsOn(url, file)) throw refuse(`${url} leads to ${place}, which is not encrypted`);
    return {
      fingerprint,
      filename: nameOf(file),
      properties: {},
      expiresAtMs: undefined,
      download: async (target, context) => {
        const about = { sha256: fingerprint, sizeBytes: undefined };
        const options = { what, signal: context.signal, onBytes: reportBytes(context) };
        await fetchFile(file, about, target.metadata, options);
        return { metadata: target.metadata };
      },
    };

    function header(name: string): string {
      const value = headers.get(name) ?? '';
      if (value !== '') return value;
      throw refuse(`${url} is answered without the header ${name}`);
    }
  }
}

/** The URL of something on a web server. Throws `invalid`. */
export function parseWebUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url !== undefined && ['http:', 'https:'].includes(url.protocol);
  if (isWeb && url.username === '' && url.password === '') return url;
  const problem = isWeb
    ? 'has a password, which would stand in logs, wanted one without'
    : `"${text.slice(0, 200)}" is no URL of a web server, wanted https://…`;
  throw new WarrenError('invalid', {
    what: 'import the image',
    issues: [{ path: 'source.url', problem }],
  });
}

/** What the file is called there, for who exports it again. */
function nameOf(url: string): string {
  const last = new URL(url).pathname.split('/').at(-1) ?? '';
  const name = /^[\w.+~-]{1,200}$/.test(last) && !/^\.+$/.test(last) ? last : '';
  return name === '' ? 'image' : name;
}
