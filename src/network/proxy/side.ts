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

/** The files of one machine as it sees them. Disposing closes it. */
interface MachineFiles extends Disposable {
  /**
   * Opens what `path` names with O_PATH and `flags`, never outside. Enters no file system of the
   * machine's own that could let us wait. Disposing of the answer closes it.
   */
  open(path: Buffer, flags?: number): Disposable & { readonly fd: number };
}

/** Of the machine whose init has that pid. Throws `wrong_state` when it has ended. */
export type OpenMachineFiles = (initPid: number) => MachineFiles;

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
