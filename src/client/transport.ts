import http from 'node:http';

import { WarrenError } from '../contract/errors.ts';

import type { Readable } from 'node:stream';

/** One HTTP request on the socket. */
export interface Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Path with its query, each segment percent-encoded. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent with their length, streams chunked. */
  readonly body?: string | Uint8Array | Readable;
  readonly signal?: AbortSignal | undefined;
}

/** An answer whose body is still to be read; whoever gets it must consume or destroy `body`. */
export interface Response {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: http.IncomingMessage;
}

export interface TransportOptions {
  readonly socket: string;
  /** The project of requests that name none. */
  readonly project?: string | undefined;
  /** Called once when nobody listens on the socket; resolves when somebody does. */
  readonly startDaemon?: (() => Promise<void>) | undefined;
  /** One line per call and answer, for `--debug`. */
  readonly trace?: ((line: string) => void) | undefined;
}

/**
 * HTTP over the unix socket of the daemon. GET goes over kept connections and may be sent twice;
 * what changes something has a connection of its own, since a daemon that dies over it must not be
 * asked for it again.
 */
export class Transport {
  readonly socket: string;
  readonly #agent = new http.Agent({ keepAlive: true });
  readonly #options: TransportOptions;
  /** Once per process, whoever waits for it. */
  #start: Promise<void> | undefined;

  constructor(options: TransportOptions) {
    this.socket = options.socket;
    this.#options = options;
  }

  get project(): string {
    return this.#options.project ?? 'default';
  }

  /** The path with the project it is about, unless it says so itself or is about none. */
  inProject(path: string): string {
    const { project } = this;
    const isOfNone = /^\/1\.0(\/(projects\b|warren\b|operations\/)|\/?$|\?)/.test(path);
    if (project === 'default' || isOfNone || /[?&](project|all-projects)=/.test(path)) return path;
    return `${path}${path.includes('?') ? '&' : '?'}project=${encodeURIComponent(project)}`;
  }

  /** Throws `daemon_unreachable` when the daemon is neither there nor can be started. */
  async send(given: Request): Promise<Response> {
    const request = { ...given, path: this.inProject(given.path) };
    const started = performance.now();
    this.#options.trace?.(`> ${request.method} ${request.path}${shown(request.body)}`);
    const response = await this.#sendOrStart(request);
    const ms = (performance.now() - started).toFixed(1);
    this.#options.trace?.(`< ${response.status} (${ms} ms)`);
    return response;
  }

  /** The whole body as text. Throws `daemon_unreachable` when it breaks off. */
  async text({ body }: Response): Promise<string> {
    try {
      return await readText(body);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
      const why = 'it hung up in the middle of its answer';
      throw new WarrenError('daemon_unreachable', { socket: this.socket, why }, { cause: error });
    }
  }

  trace(line: string): void {
    this.#options.trace?.(line);
  }

  /** Ends idle connections, so that they do not keep the process alive. */
  close(): void {
    this.#agent.destroy();
  }

  /** Starts the daemon if nobody listens; for callers that connect by themselves. */
  async #sendOrStart(request: Request): Promise<Response> {
    try {
      return await this.#sendFresh(request);
    } catch (error) {
      const { startDaemon } = this.#options;
      if (!isAbsence(error)) throw this.#unreachable(error);
      if (startDaemon === undefined) throw this.#unreachable(error);
      this.#start ??= startDaemon();
      await this.#start;
    }
    try {
      return await this.#sendFresh(request);
    } catch (error) {
      throw this.#unreachable(error);
    }
  }

  /**
   * A kept-alive connection may be closed by the server just as we write to it: once more, then.
   */
  async #sendFresh(request: Request): Promise<Response> {
    try {
      return await this.#sendOnce(request);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      return await this.#sendOnce(request);
    }
  }

  #sendOnce({ method, path, headers, body, signal }: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      const streamed = body !== undefined && typeof body !== 'string' && 'pipe' in body;
      const request = http.request({
        socketPath: this.socket,
        agent: method === 'GET' ? this.#agent : false,
        // Empty, so that the agent does not work out a name for TLS.
        ...{ servername: '' },
        method,
        path,
        headers: {
          Host: 'unix.socket',
          ...(body === undefined || streamed ? {} : { 'Content-Length': Buffer.byteLength(body) }),
          // The server must not close before a refusal is read, however much is still being sent.
          ...(streamed ? { Connection: 'keep-alive' } : {}),
          ...headers,
        },
        ...(signal === undefined ? {} : { signal }),
      });
      request.once('response', (response) => {
        const status = response.statusCode ?? 0;
        if (streamed && status >= 400) {
          // Refused: the rest of the body is wanted no more.
          body.unpipe(request);
          response.once('close', () => request.destroy());
        }
        resolve({ status, headers: response.headers, body: response });
      });
      request.once('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && error.code === 'ECONNRESET';
        reject(stale ? new StaleConnection() : error);
      });
      if (!streamed) request.end(body);
      else {
        body.once('error', (error) => {
          request.destroy(error);
        });
        body.pipe(request);
      }
    });
  }

  #unreachable(error: unknown): unknown {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    const why = code.startsWith('HPE_') ? 'it does not speak HTTP' : reasons[code];
    if (why === undefined) return error;
    const hint = code === 'EACCES' ? 'export WARREN_DIR=/a/directory/of/your/own' : undefined;
    return new WarrenError(
      'daemon_unreachable',
      { socket: this.socket, why, hint },
      { cause: error },
    );
  }
}

class StaleConnection extends Error {}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'nobody listens there',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'it hung up before it answered',
  EPIPE: 'it hung up before it answered',
  EACCES: 'it, or a directory above it, is not open to you',
  ENOTSOCK: 'this is no socket',
};

function isAbsence(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ECONNREFUSED';
}

function shown(body: Request['body']): string {
  if (body === undefined) return '';
  return typeof body === 'string' ? ` ${body}` : ' <bytes>';
}

/** The whole body as text. */
export async function readText(body: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
