import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';

import type { DatagramTarget, Side } from './side.ts';

/** A flow that was silent so long is forgotten, as NATs do. */
const idleMs = 60_000;
/** Flows of one port; the oldest makes room. */
const maxFlows = 512;
/** Datagrams that wait while the socket of a new flow is made. */
const maxWaiting = 64;

interface Flow {
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
  /** Sends to the service, once the socket can. */
  send: ((data: Buffer) => void) | undefined;
  readonly waiting: Buffer[];
}

/**
 * Relays datagrams; each sender gets a socket of its own on the other side, so that answers find
 * back.
 */
export async function openDatagramProxy(options: {
  readonly listenSide: Side;
  readonly listenAt: DatagramTarget;
  readonly connectSide: Side;
  readonly connectTo: DatagramTarget;
  readonly onError: (error: unknown) => void;
}): Promise<Disposable> {
  const { listenSide, listenAt, connectSide, connectTo, onError } = options;
  const server = createSocket(isIPv6(listenAt.host) ? 'udp6' : 'udp4');
  const flows = new Map<string, Flow>();

  const end = (key: string, flow = flows.get(key)): void => {
    if (flow === undefined || flows.get(key) !== flow) return;
    flows.delete(key);
    clearTimeout(flow.timer);
    flow.socket.close();
  };

  const open = (key: string, sender: RemoteInfo): Flow => {
    const [oldest] = flows.keys();
    if (oldest !== undefined && flows.size >= maxFlows) end(oldest);
    const socket = createSocket(isIPv6(connectTo.host) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => {
      end(key, flow);
    }, idleMs).unref();
    const flow: Flow = { socket, timer, send: undefined, waiting: [] };
    flows.set(key, flow);
    socket.on('message', (answer, { port }) => {
      if (port !== connectTo.port) return;
      timer.refresh();
      server.send(answer, sender.port, sender.address);
    });
    // ECONNREFUSED: nobody listens there (yet). The next datagram tries again.
    socket.on('error', () => {
      end(key, flow);
    });
    connectSide.openDatagram(socket, connectTo).then(
      (send) => {
        if (flows.get(key) !== flow) return;
        flow.send = send;
        for (const data of flow.waiting.splice(0)) send(data);
      },
      (error: unknown) => {
        onError(error);
        end(key, flow);
      },
    );
    return flow;
  };

  server.on('message', (data, sender) => {
    const key = `${sender.address} ${sender.port}`;
    const flow = flows.get(key) ?? open(key, sender);
    flow.timer.refresh();
    if (flow.send !== undefined) flow.send(data);
    else if (flow.waiting.length < maxWaiting) flow.waiting.push(data);
  });
  await listenSide.bindDatagram(server, listenAt);
  server.on('error', onError);
  return {
    [Symbol.dispose]: () => {
      for (const key of [...flows.keys()]) end(key);
      server.close();
    },
  };
}
