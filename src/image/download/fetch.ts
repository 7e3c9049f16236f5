import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { defaultLimits } from '../deps.ts';
import { type Purpose, ServerRequest } from './request.ts';

/**
 * The JSON at a URL. Throws `host_lacks` for what does not answer, `hostile` for what is too much
 * or none.
 */
export async function fetchJson(url: string, maxBytes: number, purpose: Purpose): Promise<unknown> {
  const { what } = purpose;
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of bodyOf(url, purpose)) {
    bytes += part.length;
    if (bytes > maxBytes) {
      throw new WarrenError('hostile', { what, found: `${url} is longer than ${maxBytes} bytes` });
    }
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch (error) {
    throw new WarrenError('hostile', { what, found: `${url} is no JSON` }, { cause: error });
  }
}

/** What a server says of a URL without sending it, and where it led. Throws `host_lacks`. */
export async function fetchHeaders(
  url: string,
  sent: Readonly<Record<string, string>>,
  purpose: Purpose,
): Promise<{ readonly headers: Headers; readonly url: string }> {
  using request = new ServerRequest(url, purpose);
  try {
    const answer = await request.send('HEAD', sent);
    return { headers: answer.response.headers, url: answer.url };
  } catch (error) {
    throw request.explain(error);
  }
}

/** A file as it was announced. */
export interface AnnouncedFile {
  readonly sha256: string;
  /** Undefined: what the server says once it sends it, at most what an image may have. */
  readonly sizeBytes: number | undefined;
}

/**
 * Writes a file of a server to `target`, which must not exist. Throws `hostile` for a file of
 * another length or content than was announced; the caller removes what there is of it.
 * `onBytes` is told how many have come, and of how many where that is known.
 */
export async function fetchFile(
  url: string,
  file: AnnouncedFile,
  target: HostPath,
  options: Purpose & { readonly onBytes: (bytes: number, ofBytes: number | undefined) => void },
): Promise<void> {
  const { what, onBytes } = options;
  const { maxBytes } = defaultLimits;
  const hash = createHash('sha256');
  let bytes = 0;
  let announced = file.sizeBytes;
  const refuse = (found: string): WarrenError =>
    new WarrenError('hostile', { what, found: `${url} ${found}` });
  const look = ({ headers }: Response): void => {
    const encoding = headers.get('content-encoding') ?? 'identity';
    if (encoding !== 'identity') throw refuse(`is sent encoded (${encoding}), wanted as it is`);
    announced ??= lengthOf(headers);
    if ((announced ?? 0) > maxBytes) {
      throw refuse(`is to have ${announced} bytes, wanted at most ${maxBytes}`);
    }
  };
  async function* checked(): AsyncGenerator<Buffer> {
    // A file with a content encoding is not the one that was announced.
    for await (const part of bodyOf(url, options, { 'Accept-Encoding': 'identity' }, look)) {
      bytes += part.length;
      if (bytes > (announced ?? maxBytes)) {
        throw refuse(
          announced === undefined
            ? `has more than ${maxBytes} bytes`
            : `is longer than the ${announced} bytes announced`,
        );
      }
      hash.update(part);
      onBytes(bytes, announced);
      yield part;
    }
  }
  try {
    await pipeline(
      Readable.from(checked(), { objectMode: false }),
      createWriteStream(target, { mode: 0o600, flags: 'wx' }),
    );
  } catch (error) {
    if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    throw new WarrenError('no_space', { what, where: target }, { cause: error });
  }
  if (announced !== undefined && bytes !== announced) {
    throw refuse(`has ${bytes} bytes, wanted the ${announced} announced`);
  }
  if (hash.digest('hex') !== file.sha256) throw refuse('is not the file that was announced');
}

function lengthOf(headers: Headers): number | undefined {
  const text = headers.get('content-length') ?? '';
  return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/** The body of a URL, piece by piece. `look` sees what comes before it, and may throw. */
async function* bodyOf(
  url: string,
  purpose: Purpose,
  sent: Readonly<Record<string, string>> = {},
  look: (response: Response) => void = () => undefined,
): AsyncGenerator<Buffer> {
  using request = new ServerRequest(url, purpose);
  try {
    const { response } = await request.send('GET', sent);
    look(response);
    for await (const part of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      request.heard();
      yield Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    }
  } catch (error) {
    throw request.explain(error);
  }
}
