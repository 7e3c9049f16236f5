import { createServer, type Server, type Socket } from 'node:net';

import type { Side, StreamTarget } from './side.ts';

/** Connections one listener relays at a time; more wait in the kernel's queue or are refused. */
const maxConnections = 1024;

/** After so long a silence it is asked whether the other end is still there. */
const keepAliveMs = 60_000;

/** A listener that relays. Disposing ends it and its connections. */
export async function openStreamProxy(options: {
  readonly listenSide: Side;
  readonly listenAt: StreamTarget;
  readonly mode: number;
  readonly connectSide: Side;
  readonly connectTo: StreamTarget;
  readonly onError: (error: unknown) => void;
}): Promise<Disposable> {
  const { listenSide, listenAt, mode, connectSide, connectTo, onError } = options;
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };
  const server: Server = createServer({ allowHalfOpen: true }, (client) => {
    track(client);
    // An error before the other end exists has nobody else to hear it.
    client.on('error', () => undefined);
    connectSide.connect(connectTo).then(
      (target) => {
        track(target);
        if (client.destroyed) target.destroy();
        else relay(client, target, onError);
      },
      (error: unknown) => {
        onError(error);
        client.destroy();
      },
    );
  });
  server.maxConnections = maxConnections;
  await listenSide.listen(server, listenAt, mode);
  server.on('error', onError);
  return {
    [Symbol.dispose]: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/**
 * Both directions with back-pressure (`pipe` pauses the reader while the writer is full). The end
 * of one direction leaves the other open; an error of either side ends both.
 */
function relay(a: Socket, b: Socket, onError: (error: unknown) => void): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.setNoDelay(true);
    from.setKeepAlive(true, keepAliveMs);
    from.pipe(to);
    from.on('error', (error) => {
      onError(error);
      to.destroy();
    });
    from.once('close', (hadError) => {
      // Without an error both ends were sent already, unless this side was destroyed half-way.
      if (hadError || !from.readableEnded) to.destroy();
    });
  }
}
