import type { Socket as DatagramSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';

/** One address with one port, or one unix socket. */
export type StreamTarget =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

export interface DatagramTarget {
  readonly kind: 'udp';
  readonly host: string;
  readonly port: number;
}

/** Where sockets are made: on the host or in a machine. All of them belong to the caller. */
export interface Side {
  /** Listens before it returns; a unix socket that nobody listens on any more is replaced. */
  listen(server: Server, at: StreamTarget, mode: number): Promise<void>;
  /** A socket that connects; its failure comes as an `error` event. Half-open is allowed. */
  connect(to: StreamTarget): Promise<Socket>;
  bindDatagram(socket: DatagramSocket, at: DatagramTarget): Promise<void>;
  /** Readies a socket to talk to one service, and answers how a datagram is sent there. */
  openDatagram(socket: DatagramSocket, to: DatagramTarget): Promise<(data: Buffer) => void>;
}
