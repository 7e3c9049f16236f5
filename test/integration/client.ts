import { request } from 'node:http';
import { Readable } from 'node:stream';

import { WebSocket } from 'ws';

import type { Operation } from '../../src/contract/api/operations.ts';
import type { IncomingHttpHeaders } from 'node:http';
import type { RawData } from 'ws';

/** An answer as any client sees it. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The envelope. Fails when the body is no JSON. */
  readonly json: Envelope;
}

export interface Envelope {
  readonly type: 'sync' | 'async' | 'error';
  readonly status_code?: number;
  readonly operation?: string;
  readonly error: string;
  readonly error_code: number;
  readonly metadata: never;
  readonly warren?: { readonly code: string; readonly details: unknown; readonly hint?: string };
}

/** A plain HTTP client over a unix socket: nothing of ours is between the test and the daemon. */
export class ApiClient {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  async send(
    method: string,
    path: string,
    options: {
      readonly body?: string | Uint8Array | Readable;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Answer> {
    const { body: sent } = options;
    // Node gives the body of a DELETE no length by itself, and what follows it is then a bad
    // request.
    const length =
      sent === undefined || sent instanceof Readable
        ? {}
        : { 'content-length': Buffer.byteLength(sent) };
    const headers = { ...length, ...options.headers };
    return await new Promise((resolve, reject) => {
      const outgoing = request({ socketPath: this.socket, method, path, headers }, (incoming) => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () => {
          const body = Buffer.concat(chunks);
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            body,
            get json() {
              return JSON.parse(body.toString('utf8')) as Envelope;
            },
          });
        });
      });
      outgoing.once('error', reject);
      if (options.body instanceof Readable) options.body.pipe(outgoing);
      else outgoing.end(options.body);
    });
  }

  /** JSON without a Content-Type, as Ansible sends it. */
  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    return await this.send(method, path, body === undefined ? {} : { body: JSON.stringify(body) });
  }

  async get<T>(path: string): Promise<T> {
    const { json, status } = await this.call('GET', path);
    if (json.type === 'error') throw new Error(`GET ${path}: ${status} ${json.error}`);
    return json.metadata;
  }

  /** Starts an operation and waits for its end. Fails when it is none. */
  async operate(method: string, path: string, body?: unknown): Promise<Operation> {
    const { json } = await this.call(method, path, body);
    if (json.type !== 'async') throw new Error(`${method} ${path}: ${JSON.stringify(json)}`);
    return await this.get<Operation>(`${json.operation ?? ''}/wait?timeout=20`);
  }

  /** As `operate`, for operations that must end well. */
  async done(method: string, path: string, body?: unknown): Promise<Operation> {
    const operation = await this.operate(method, path, body);
    if (operation.status !== 'Success') throw new Error(`${method} ${path}: ${operation.err}`);
    return operation;
  }

  /** Uploads an image, as it is, and waits for the end of its import. */
  async upload(
    body: string | Uint8Array | Readable,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Operation> {
    const { json } = await this.send('POST', '/1.0/images', { body, headers });
    if (json.type !== 'async') throw new Error(`upload: ${json.error}`);
    return await this.get<Operation>(`${json.operation ?? ''}/wait`);
  }

  websocket(path: string): TestSocket {
    return new TestSocket(this.socket, path);
  }
}

export interface Frame {
  readonly text: boolean;
  readonly data: Buffer;
}

/** A websocket that remembers every frame. */
export class TestSocket {
  readonly ws: WebSocket;
  readonly frames: Frame[] = [];
  readonly opened: Promise<void>;
  /** Resolves with the close code. */
  readonly closed: Promise<number>;

  constructor(socketPath: string, path: string) {
    this.ws = new WebSocket(`ws+unix://${socketPath}:${path}`, { perMessageDeflate: false });
    this.ws.on('message', (data: RawData, isBinary: boolean) => {
      this.frames.push({ text: !isBinary, data: data as Buffer });
    });
    this.opened = new Promise((resolve, reject) => {
      this.ws.once('open', resolve);
      this.ws.once('error', reject);
    });
    this.closed = new Promise((resolve) => {
      this.ws.once('close', resolve);
      this.ws.on('error', () => undefined);
    });
    // A test that looks only at `closed` is no fault of `opened`.
    this.opened.catch(() => undefined);
  }

  /** Every byte of binary frames so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.frames.filter(({ text }) => !text).map(({ data }) => data));
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  /** Resolves when `isThere` holds. Fails after 10 s. */
  async until(isThere: () => boolean): Promise<void> {
    const deadline = Date.now() + 10_000;
    while (!isThere()) {
      if (Date.now() > deadline) throw new Error(`not seen; there is ${JSON.stringify(this.text)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
