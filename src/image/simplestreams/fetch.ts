import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import type { StreamFile } from './products.ts';

/** A server that sends nothing for so long is given up. */
const silenceMs = 60_000;
const maxRedirects = 5;

/** The JSON at a URL. Throws `host_lacks` for what does not answer, `hostile` for what is too much or none. */
export async function fetchJson(
  url: string,
  maxBytes: number,
  { what, signal }: { readonly what: string; readonly signal: AbortSignal },
): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of open(url, what, signal)) {
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

/**
 * Writes a file of an image server to `target`, which must not exist. Throws `hostile` for a file of
 * another length or content than was announced; the caller removes what there is of it.
 */
export async function fetchFile(
  url: string,
  file: StreamFile,
  target: HostPath,
  options: {
    readonly what: string;
    readonly signal: AbortSignal;
    readonly onBytes: (bytes: number) => void;
  },
): Promise<void> {
  const { what, signal, onBytes } = options;
  const hash = createHash('sha256');
  let bytes = 0;
  const refuse = (found: string): WarrenError =>
    new WarrenError('hostile', { what, found: `${url} ${found}` });
  async function* checked(): AsyncGenerator<Buffer> {
    for await (const part of open(url, what, signal)) {
      bytes += part.length;
      if (bytes > file.sizeBytes)
        throw refuse(`is longer than the ${file.sizeBytes} bytes announced`);
      hash.update(part);
      onBytes(bytes);
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
  if (bytes !== file.sizeBytes) {
    throw refuse(`has ${bytes} bytes, wanted the ${file.sizeBytes} announced`);
  }
  if (hash.digest('hex') !== file.sha256) throw refuse('is not the file that was announced');
}

/** The body of a URL, piece by piece. */
async function* open(url: string, what: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const silence = new AbortController();
  const timer = setTimeout(() => {
    silence.abort();
  }, silenceMs);
  const lacks = (found: string, cause?: unknown): WarrenError =>
    new WarrenError(
      'host_lacks',
      { what, found, wanted: 'a server of images', hint: `curl -I ${url}` },
      { cause },
    );
  try {
    const response = await follow(url, AbortSignal.any([signal, silence.signal]), lacks);
    if (!response.ok || response.body === null) {
      throw lacks(`${url} is answered with ${response.status} ${response.statusText}`.trimEnd());
    }
    for await (const part of response.body as AsyncIterable<Uint8Array>) {
      timer.refresh();
      yield Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    }
  } catch (error) {
    if (error instanceof WarrenError) throw error;
    if (signal.aborted) throw new WarrenError('cancelled', { what }, { cause: error });
    const why = silence.signal.aborted ? `is silent for ${silenceMs / 1000} s` : reasonOf(error);
    throw lacks(`${url} ${why}`, error);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * The answer that a URL leads to. Each step is looked at, since whoever is on the wire of one that is not
 * encrypted decides where the next one goes.
 */
async function follow(
  url: string,
  signal: AbortSignal,
  lacks: (found: string) => WarrenError,
): Promise<Response> {
  const headers = { 'User-Agent': 'warren' };
  let at = url;
  for (let hops = 0; hops <= maxRedirects; hops++) {
    const response = await fetch(at, { signal, redirect: 'manual', headers });
    const next = redirectOf(response, at);
    if (next === undefined) return response;
    if (!next.startsWith('https:') && (at.startsWith('https:') || !next.startsWith('http:'))) {
      throw lacks(`${at} leads to ${next}, which is not encrypted`);
    }
    await response.body?.cancel();
    at = next;
  }
  throw lacks(`${url} leads on and on`);
}

/** Where an answer sends us on to; undefined when it is the answer itself. */
function redirectOf({ status, headers }: Response, from: string): string | undefined {
  const location = status >= 300 && status < 400 ? headers.get('location') : null;
  return location === null ? undefined : new URL(location, from).href;
}

/** `fetch` says only that it failed; why stands in the cause. */
function reasonOf(error: unknown): string {
  const { cause } = error as { cause?: { code?: string; message?: string } };
  const reason = cause?.code ?? cause?.message ?? (error instanceof Error ? error.message : '');
  return `cannot be fetched (${reason})`;
}
