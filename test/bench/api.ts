import { request } from 'node:http';
import { connect, type Socket } from 'node:net';

interface Envelope {
  readonly type: string;
  readonly operation?: string;
  readonly error?: string;
  readonly error_code?: number;
  readonly metadata: unknown;
}

interface Operation {
  readonly status_code: number;
  readonly err: string;
  readonly metadata: { readonly return?: number } | null;
}

/** A client of LXD's API on a unix socket, with a connection for each request. */
export interface Api {
  /** Does one request and waits for the operation that it starts, if any. Throws on failure. */
  call(method: string, path: string, body?: unknown): Promise<Operation | undefined>;
  exec(machine: string, words: readonly string[]): Promise<void>;
  start(machine: string): Promise<void>;
  stop(machine: string): Promise<void>;
  createEmpty(machine: string, extra: Readonly<Record<string, unknown>>): Promise<void>;
}

const success = 200;

/** `uid` is who connects: warren's daemon serves its own user alone, not even root. */
export function openApi(socketPath: string, uid: number): Api {
  // One for each request: nobody here sees a server close an idle one while a command is timed.
  const createConnection = (): Socket => {
    const own = process.geteuid?.() ?? uid;
    if (own !== uid) process.seteuid?.(uid);
    try {
      return connect(socketPath);
    } finally {
      if (own !== uid) process.seteuid?.(own);
    }
  };
  const send = (method: string, path: string, body?: unknown): Promise<Envelope> =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const headers = text === undefined ? {} : { 'Content-Type': 'application/json' };
      const sent = request({ createConnection, method, path, headers }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          resolve(JSON.parse(Buffer.concat(parts).toString()) as Envelope);
        });
      });
      sent.on('error', reject);
      sent.end(text);
    });
  const checked = async (method: string, path: string, body?: unknown): Promise<Envelope> => {
    const envelope = await send(method, path, body);
    if (envelope.type === 'error')
      throw new Error(`${method} ${path}: ${envelope.error ?? 'failed'}`);
    return envelope;
  };
  const call: Api['call'] = async (method, path, body) => {
    const envelope = await checked(method, path, body);
    if (envelope.type !== 'async') return undefined;
    const { metadata } = await checked('GET', `${envelope.operation ?? ''}/wait`);
    const operation = metadata as Operation;
    if (operation.status_code !== success) throw new Error(`${method} ${path}: ${operation.err}`);
    return operation;
  };
  const setState = async (machine: string, body: unknown): Promise<void> => {
    await call('PUT', `/1.0/instances/${machine}/state`, body);
  };
  return {
    call,
    exec: async (machine, words) => {
      const done = await call('POST', `/1.0/instances/${machine}/exec`, {
        command: words,
        environment: {},
        interactive: false,
        'wait-for-websocket': false,
        'record-output': false,
      });
      if (done?.metadata?.return !== 0) throw new Error(`exec in ${machine} did not end with 0`);
    },
    start: (machine) => setState(machine, { action: 'start', timeout: -1 }),
    stop: (machine) => setState(machine, { action: 'stop', timeout: 60 }),
    createEmpty: async (machine, extra) => {
      await call('POST', '/1.0/instances', { name: machine, source: { type: 'none' }, ...extra });
    },
  };
}

/** Makes machines without content, a few at a time. */
export async function fillEmpty(
  api: Api,
  names: readonly string[],
  extra: Readonly<Record<string, unknown>>,
): Promise<void> {
  const left = [...names];
  const worker = async (): Promise<void> => {
    for (let name = left.shift(); name !== undefined; name = left.shift())
      await api.createEmpty(name, extra);
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
}
