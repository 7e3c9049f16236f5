import { errorOfOperation } from './errors.ts';
import { controlOver, type Control, type TerminalSize } from './exec.ts';
import { copyFromInput, copyToOutput } from './streams.ts';
import { openWebSocket, secretsOf, websocketPath } from './websocket.ts';

import { apiPath, type Client } from './client.ts';
import type { InstanceConsolePost } from '../contract/api/instances.ts';
import type { Readable, Writable } from 'node:stream';

export interface ConsoleStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  /** Sees what is typed before it is sent; returns what is to be sent. */
  readonly filter: (chunk: Buffer, detach: () => void) => Buffer;
  /** Called when attached; the result is called when it has ended. */
  readonly attach: (control: Control) => () => void;
}

/** Attaches to a machine's console until the user detaches or the machine ends. */
export async function attachConsole(
  client: Client,
  instance: string,
  size: TerminalSize,
  streams: ConsoleStreams,
): Promise<'detached' | 'ended'> {
  const operation = await client.begin('POST', apiPath('instances', instance, 'console'), {
    ...size,
    type: 'console',
  } satisfies InstanceConsolePost);
  const secrets = secretsOf(operation.metadata);
  const [control, data] = await Promise.all(
    ['control', '0'].map((fd) =>
      openWebSocket(client.transport.socket, websocketPath(operation.id, secrets.get(fd) ?? '')),
    ),
  );
  if (control === undefined || data === undefined) throw new Error('unreachable');

  let how: 'detached' | 'ended' = 'ended';
  const detach = streams.attach(controlOver(Promise.resolve(control)));
  const stopInput = copyFromInput(streams.stdin, data, (chunk) =>
    streams.filter(chunk, () => {
      how = 'detached';
      control.close(1000, 'Detaching from console');
    }),
  );
  try {
    const output = copyToOutput(data, () => streams.stdout);
    const last = await client.settle(operation);
    // On `ended` too: stdin's handler cannot be seen by the compiler.
    if (last.status_code >= 400) throw errorOfOperation(last);
    await output;
    return how;
  } finally {
    detach();
    stopInput();
    control.terminate();
    data.terminate();
  }
}
