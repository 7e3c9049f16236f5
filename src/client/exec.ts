import { errorOfOperation } from './errors.ts';
import { copyFromInput, copyToOutput } from './streams.ts';
import {
  openWebSocket,
  preloadWebSockets,
  secretsOf,
  websocketPath,
  type WebSocket,
} from './websocket.ts';

import { apiPath, type Client } from './client.ts';
import type { InstanceExecPost } from '../contract/api/instances.ts';
import type { Readable, Writable } from 'node:stream';

/** Columns and rows of a terminal. */
export interface TerminalSize {
  readonly width: number;
  readonly height: number;
}

/** A websocket for what is not data: resizes and signals. */
export interface Control {
  resize(size: TerminalSize): void;
  /** Number of the signal for the command. */
  signal(signal: number): void;
}

export interface ExecStreams {
  /** Absent: the command reads an empty standard input. */
  readonly stdin?: Readable | undefined;
  /** Asked for when there is something to write: most commands say nothing on one of them. */
  readonly stdout: () => Writable;
  /** Interactive commands write everything to `stdout`. */
  readonly stderr: () => Writable;
  /** Called when the command is about to start; the result is called when it has ended. */
  readonly attach: (control: Control) => () => void;
}

/**
 * Runs a command in a machine and copies its streams. Resolves with its exit status, 128 + n for a
 * signal. Throws when it could not be started, except for 126 and 127, which are statuses too, and
 * the system's error when an output could not take what the command said.
 */
export async function execute(
  client: Client,
  instance: string,
  request: InstanceExecPost,
  streams: ExecStreams,
): Promise<{ readonly status: number; readonly problem: Error | undefined }> {
  preloadWebSockets();
  const operation = await client.begin('POST', apiPath('instances', instance, 'exec'), {
    ...request,
    'wait-for-websocket': true,
    'record-output': false,
  });
  const secrets = secretsOf(operation.metadata);
  const open = async (fd: string): Promise<WebSocket> =>
    await openWebSocket(
      client.transport.socket,
      websocketPath(operation.id, secrets.get(fd) ?? ''),
    );
  const interactive = request.interactive === true;
  const opening = (interactive ? ['0'] : ['0', '1', '2']).map(open);
  // Last, and not waited for: the command starts without it, and most are over before it is used.
  const control = open('control');
  const abandonControl = (): void => {
    control.then(
      (websocket) => {
        websocket.terminate();
      },
      () => undefined,
    );
  };
  const [zero, one, two] = await Promise.all(opening).catch((error: unknown) => {
    abandonControl();
    throw error;
  });
  if (zero === undefined) throw new Error('unreachable');

  const settled = client.settle(operation);
  const detach = streams.attach(controlOver(control));
  if (!interactive) zero.resume();
  const stopInput = feed(zero, streams.stdin);
  const outputs = [
    copyToOutput(interactive ? zero : (one ?? zero), streams.stdout),
    ...(two === undefined ? [] : [copyToOutput(two, streams.stderr)]),
  ];
  try {
    const last = await settled;
    const status = last.metadata['return'];
    if (typeof status !== 'number') throw errorOfOperation(last);
    const lost = (await Promise.all(outputs)).find((error) => error !== undefined);
    if (lost !== undefined) throw lost;
    return { status, problem: last.status_code >= 400 ? errorOfOperation(last) : undefined };
  } finally {
    detach();
    stopInput();
    for (const websocket of [zero, one, two]) websocket?.terminate();
    abandonControl();
  }
}

function feed(websocket: WebSocket, stdin: Readable | undefined): () => void {
  if (stdin !== undefined) return copyFromInput(stdin, websocket);
  websocket.send('', { binary: false });
  return () => undefined;
}

/**
 * Wraps the websocket that carries resizes and signals as LXD's text frames. What is said before it
 * is open waits; if it never opens, there is nobody any more to say it to.
 */
export function controlOver(opening: Promise<WebSocket>): Control {
  opening.then(
    (websocket) => {
      websocket.resume();
    },
    () => undefined,
  );
  const send = (message: object): void => {
    opening.then(
      (websocket) => {
        if (websocket.readyState === websocket.OPEN) websocket.send(JSON.stringify(message));
      },
      () => undefined,
    );
  };
  return {
    resize: ({ width, height }) => {
      send({
        command: 'window-resize',
        args: { width: String(width), height: String(height) },
        signal: 0,
      });
    },
    signal: (signal) => {
      send({ command: 'signal', args: null, signal });
    },
  };
}
