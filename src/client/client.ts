import { noTime } from '../contract/api/times.ts';
import { errorOfOperation, errorOfResponse, ServerError } from './errors.ts';
import { OperationWatch, type OperationObserver } from './operations.ts';
import { Transport, type Request, type Response } from './transport.ts';

import type { ApiResponse, ErrorResponse } from '../contract/api/envelope.ts';
import type { Operation } from '../contract/api/operations.ts';

export type Query = Readonly<Record<string, string | number | undefined>>;

/** An object with the ETag that a later `put` must still find. */
export interface Tagged<T> {
  readonly value: T;
  readonly etag: string | undefined;
}

export interface ClientOptions {
  readonly transport: Transport;
  /** Told of operations under way, for the progress line. */
  readonly observer?: OperationObserver | undefined;
}

/** LXD's `/1.0` as typed calls. One per command. */
export class Client {
  readonly transport: Transport;
  readonly #watch: OperationWatch;

  constructor({ transport, observer }: ClientOptions) {
    this.transport = transport;
    this.#watch = new OperationWatch(this, observer);
  }

  /** `metadata` of a sync answer. Throws the daemon's `WarrenError`. */
  async get<T>(path: string, query?: Query): Promise<T> {
    return (await this.getTagged<T>(path, query)).value;
  }

  async getTagged<T>(path: string, query?: Query): Promise<Tagged<T>> {
    const { headers, answer } = await this.call<T>('GET', withQuery(path, query));
    return { value: answer.metadata as T, etag: headers.etag };
  }

  /** A change that the server makes before it answers. */
  async change<T = unknown>(
    method: 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    etag?: string,
  ): Promise<T> {
    const { answer } = await this.call<T>(method, path, body, etag);
    return answer.metadata as T;
  }

  /** A change that the server makes in the background; resolves when it is done. */
  async operate(
    method: 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    etag?: string,
  ): Promise<Operation> {
    const { answer } = await this.call(method, path, body, etag);
    return answer.type === 'async'
      ? await this.wait(answer.metadata)
      : { ...finished, metadata: { ...(answer.metadata as object | null) } };
  }

  /** Starts a background operation and does not wait. */
  async begin(
    method: 'PUT' | 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<Operation> {
    const { answer } = await this.call(method, path, body);
    return answer.metadata as Operation;
  }

  /** Resolves with the finished operation; throws what it failed with. */
  async wait(operation: Operation): Promise<Operation> {
    const last = await this.#watch.wait(operation);
    if (last.status_code >= 400) throw errorOfOperation(last);
    return last;
  }

  /** As `wait`, but a failure is an answer as well. */
  async settle(operation: Operation): Promise<Operation> {
    return await this.#watch.wait(operation);
  }

  /** Asks the server to cancel everything we wait for; false when there is nothing. */
  async cancelAll(): Promise<boolean> {
    return await this.#watch.cancelAll();
  }

  /** Raw bytes of an answer, such as an image or a log. */
  async download(path: string, query?: Query): Promise<Response> {
    const response = await this.transport.send({ method: 'GET', path: withQuery(path, query) });
    return response.status >= 400 ? await this.fail(response) : response;
  }

  /** Sends bytes as they are; the answer is an envelope. */
  async upload(
    path: string,
    body: Exclude<Request['body'], undefined>,
    headers: Readonly<Record<string, string>>,
  ): Promise<ApiResponse<unknown>> {
    const response = await this.transport.send({ method: 'POST', path, headers, body });
    return (await this.#decode(response)).answer;
  }

  async call<T = unknown>(
    method: Request['method'],
    path: string,
    body?: unknown,
    etag?: string,
  ): Promise<{ headers: Response['headers']; answer: Exclude<ApiResponse<T>, ErrorResponse> }> {
    const response = await this.transport.send({
      method,
      path,
      headers: {
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...(etag === undefined ? {} : { 'If-Match': etag }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return await this.#decode<T>(response);
  }

  async #decode<T>(
    response: Response,
  ): Promise<{ headers: Response['headers']; answer: Exclude<ApiResponse<T>, ErrorResponse> }> {
    const text = await this.transport.text(response);
    this.transport.trace(`< ${text.length > 4000 ? `${text.slice(0, 4000)}…` : text.trimEnd()}`);
    const answer = parseEnvelope<T>(text, response.status);
    if (answer.type === 'error') throw errorOfResponse(answer);
    return { headers: response.headers, answer };
  }

  /** Throws the error that an answer other than the expected one carries. */
  async fail(response: Response): Promise<never> {
    throw errorOfBody(await this.transport.text(response), response.status);
  }
}

/** Stands for an operation where a server answered at once. */
const finished: Operation = {
  id: '',
  class: 'task',
  description: '',
  created_at: noTime,
  updated_at: noTime,
  status: 'Success',
  status_code: 200,
  resources: {},
  metadata: {},
  may_cancel: false,
  err: '',
  location: 'none',
};

/** The error in the body of an answer other than the expected one. */
export function errorOfBody(text: string, status: number): Error {
  const answer = parseEnvelope(text, status);
  return answer.type === 'error'
    ? errorOfResponse(answer)
    : new ServerError('unexpected answer', status);
}

function parseEnvelope<T>(text: string, status: number): ApiResponse<T> {
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    answer = undefined;
  }
  if (typeof answer !== 'object' || answer === null || !('type' in answer)) {
    const start = text.trim().slice(0, 200);
    throw new ServerError(`the daemon answered ${status} with something else: ${start}`, status);
  }
  return answer as ApiResponse<T>;
}

/** `path` with the defined parameters of `query`. */
export function withQuery(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined);
  if (pairs.length === 0) return path;
  const text = pairs.map(([key, value]) => `${key}=${encodeURIComponent(String(value))}`).join('&');
  return `${path}?${text}`;
}

/** The name that a URL of the API ends in, decoded. */
export function nameInUrl(url: string): string {
  const [path = ''] = url.split('?');
  return decodeURIComponent(path.split('/').at(-1) ?? '');
}

/** A path of the API, with each segment percent-encoded: `apiPath('instances', 'web', 'state')`. */
export function apiPath(...segments: readonly string[]): string {
  return `/1.0/${segments.map(encodeURIComponent).join('/')}`;
}
