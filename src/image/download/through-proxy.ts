import * as http from 'node:http';
import * as https from 'node:https';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import * as tls from 'node:tls';

import { hostOf, portOf } from './proxy.ts';

import type { ReadableStream } from 'node:stream/web';
import type { Duplex } from 'node:stream';

export interface ProxiedRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/**
 * As `fetch` that follows no redirect, through a proxy, which Node's own cannot: what is not
 * encrypted is asked of the proxy (RFC 9112, 3.2.2), for the rest it opens a tunnel (RFC 9110,
 * 9.3.6) and sees the host's name alone. What fails at the proxy says so; the error never holds the
 * proxy's password.
 */
export async function fetchThrough(
  proxy: URL,
  url: string,
  { method, headers, signal }: ProxiedRequest,
): Promise<Response> {
  const target = new URL(url);
  target.hash = '';
  // As `fetch` has it: the proxy would read it, and so would whoever reads its log.
  if (target.username !== '' || target.password !== '') throw new Error('it names a user');
  // What comes encoded would have to be decoded here.
  const sent = { 'Accept-Encoding': 'identity', ...headers };
  if (target.protocol === 'http:') {
    const options = { method, path: target.href, signal, agent: false as const };
    const whole = { ...sent, ...authorization(proxy), Host: target.host };
    return await answerOf(ask(proxy, { ...options, headers: whole }), proxy);
  }
  const tunnel = await openTunnel(proxy, target, signal);
  const host = hostOf(target);
  const createConnection = (): tls.TLSSocket =>
    tls.connect({ socket: tunnel, host, ...(isIP(host) > 0 ? {} : { servername: host }) });
  return await answerOf(https.request(target, { method, headers: sent, signal, createConnection }));
}

/** A connection to the host of `target`, which the proxy has made. Throws when it does not. */
async function openTunnel(proxy: URL, target: URL, signal: AbortSignal): Promise<Duplex> {
  const path = `${target.hostname}:${portOf(target)}`;
  const headers = { ...authorization(proxy), Host: path };
  const request = ask(proxy, { method: 'CONNECT', path, headers, signal, agent: false });
  return await new Promise((resolve, reject) => {
    request.once('connect', ({ statusCode = 0, statusMessage = '' }, socket, head) => {
      if (statusCode === 200 && head.length === 0) {
        resolve(socket);
        return;
      }
      socket.destroy();
      reject(new Error(`${shown(proxy)} answers with ${statusCode} ${statusMessage}`.trimEnd()));
    });
    // A proxy that answers CONNECT as if it were a page.
    request.once('response', (response) => {
      response.destroy();
      reject(new Error(`${shown(proxy)} opens no tunnels`));
    });
    request.once('error', (error) => {
      reject(failure(error, proxy));
    });
    request.once('close', () => {
      reject(failure(new Error('it closed the connection'), proxy));
    });
    request.end();
  });
}

function ask(proxy: URL, options: http.RequestOptions): http.ClientRequest {
  const { request } = proxy.protocol === 'https:' ? https : http;
  const place = { protocol: proxy.protocol, host: hostOf(proxy), port: portOf(proxy) };
  return request({ ...options, ...place });
}

async function answerOf(request: http.ClientRequest, proxy?: URL): Promise<Response> {
  return await new Promise((resolve, reject) => {
    request.once('error', (error) => {
      reject(failure(error, proxy));
    });
    // Also after an answer that Node makes nothing of, as 101.
    request.once('close', () => {
      reject(failure(new Error('it closed the connection'), proxy));
    });
    request.once('response', (incoming) => {
      try {
        resolve(responseOf(incoming));
      } catch (error) {
        // What a server sends must not end the daemon: whatever cannot be had as a `Response`.
        incoming.destroy();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
    request.end();
  });
}

function responseOf(incoming: http.IncomingMessage): Response {
  const headers = new Headers();
  // `headersDistinct` of older releases of Node 20 throws at a header that is called `__proto__`.
  for (const [index, name] of incoming.rawHeaders.entries()) {
    if (index % 2 === 0) headers.append(name, incoming.rawHeaders[index + 1] ?? '');
  }
  const { statusCode: status = 0, statusMessage: statusText = '' } = incoming;
  const isEmpty = [204, 205, 304].includes(status);
  if (isEmpty) incoming.resume();
  const body = isEmpty ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
  return new Response(body, { status, statusText, headers });
}

function failure(error: Error, proxy: URL | undefined): Error {
  if (proxy === undefined) return error;
  const { code = error.message } = error as NodeJS.ErrnoException;
  return new Error(`${shown(proxy)}: ${code}`);
}

/** Without the password. */
function shown({ protocol, host }: URL): string {
  return `the proxy ${protocol}//${host}`;
}

function authorization({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {};
  const words = [username, password].map(decodeURIComponent).join(':');
  return { 'Proxy-Authorization': `Basic ${Buffer.from(words).toString('base64')}` };
}
