import { WarrenError } from '../../contract/errors.ts';

import type { IncomingMessage } from 'node:http';

/** Longest JSON body; the largest honest ones carry cloud-init data. */
export const maxJsonBytes = 4 * 1024 * 1024;
/** How much more than that is swallowed, so that the client reads our answer and no broken pipe. */
const maxSwallowedBytes = 64 * 1024 * 1024;
const maxSwallowMs = 5_000;

/**
 * The request's body as JSON, whatever its Content-Type: Ansible and pylxd send none. An empty body
 * is undefined. Throws `invalid` for a body that is no JSON or longer than `maxJsonBytes`.
 */
export async function readJson(request: IncomingMessage, what: string): Promise<unknown> {
  const { text, whole } = await readText(request, maxJsonBytes);
  if (!whole) {
    throw badBody(what, `the body is longer than ${maxJsonBytes} bytes`);
  }
  if (text.length === 0) return undefined;
  try {
    return parseJson(text.toString('utf8'));
  } catch (error) {
    throw badBody(what, `the body is no JSON (${(error as Error).message})`);
  }
}

/**
 * A body's chunks. Whoever stops half-way leaves the connection open, for the answer that says why.
 */
export function chunksOf(request: IncomingMessage): AsyncIterable<Buffer> {
  return request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
}

/**
 * Reads what is left of a body that is refused, up to `maxSwallowedBytes` and for at most
 * `maxSwallowMs`: a client that is still sending would see a broken pipe instead of the answer.
 * Resolves with whether nothing is left.
 */
export async function swallowBody(request: IncomingMessage): Promise<boolean> {
  if (request.complete || request.destroyed || request.readableEnded) return true;
  let swallowed = 0;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, maxSwallowMs);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    for (const event of ['end', 'close', 'error']) request.once(event, done);
    request.on('data', (chunk: Buffer) => {
      swallowed += chunk.length;
      if (swallowed > maxSwallowedBytes) done();
    });
    request.resume();
  });
  return request.readableEnded;
}

/** JSON that cannot plant a prototype: `__proto__` keys are dropped. */
export function parseJson(text: string): unknown {
  return JSON.parse(text, function (key: string, value: unknown): unknown {
    return key === '__proto__' ? undefined : value;
  });
}

/**
 * Reads until the end or until more than `limit` bytes came; `whole` says which. What follows is
 * still in the stream then.
 */
export async function readText(
  request: IncomingMessage,
  limit: number,
): Promise<{ readonly text: Buffer; readonly whole: boolean }> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunksOf(request)) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limit) return { text: Buffer.concat(chunks), whole: false };
  }
  return { text: Buffer.concat(chunks), whole: true };
}

function badBody(what: string, problem: string): WarrenError {
  return new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
}
