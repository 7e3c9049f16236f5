import type {
  ExitRecord,
  KeeperMessage,
  KeeperRequest,
  StoredDescriptor,
  Welcome,
} from '../contract/keeper.ts';
import { pidfdGetfd, pidfdOpen } from '../sys/kernel/process.ts';
import { acceptConnection, closeFd, peerCredentials } from '../sys/kernel/socket.ts';
import { SysError } from '../sys/sys-error.ts';
import { Connection } from './connection.ts';
import type { DescriptorStore } from './descriptors.ts';
import type { ExitJournal } from './journal.ts';
import type { Log } from './log.ts';
import type { Loop } from './loop.ts';
import { parseRequest } from './request.ts';
import type { Supervisor } from './supervisor.ts';

export interface ServerOptions {
  readonly loop: Loop;
  readonly log: Log;
  /** Listening on keeper.socket. */
  readonly listenFd: number;
  readonly store: DescriptorStore;
  readonly journal: ExitJournal;
  readonly supervisor: Supervisor;
  /** End once the daemon has ended. */
  readonly onShutdown: () => void;
}

interface Daemon {
  readonly connection: Connection;
  readonly pidfd: number;
}

/**
 * The keeper's side of the protocol. Only the daemon that the supervisor started is served, told
 * by the credentials of its socket and not by what it says.
 */
export class KeeperServer {
  readonly #options: ServerOptions;
  #daemon: Daemon | undefined;

  constructor(options: ServerOptions) {
    this.#options = options;
    options.loop.watch(options.listenFd, 'read', () => {
      this.#accept();
    });
  }

  /** Tells the daemon, if one is connected. */
  announce(exit: ExitRecord): void {
    this.#daemon?.connection.send({ type: 'exit', exit } satisfies KeeperMessage);
  }

  #accept(): void {
    const { listenFd, loop, log } = this.#options;
    const fd = acceptConnection(listenFd);
    if (fd === undefined) return;
    const { pid, uid } = peerCredentials(fd);
    if (uid !== process.getuid?.()) {
      closeFd(fd);
      return;
    }
    const connection = new Connection(fd, loop);
    connection.onMessage = (message) => {
      const request = parseRequest(message);
      if (request === undefined) {
        log(`process ${pid} sent what is no request`);
        connection.close();
        return;
      }
      const refusal = this.#attempt(connection, pid, request);
      if (refusal !== undefined) {
        const { id } = request;
        connection.send({ type: 'refused', id, why: refusal } satisfies KeeperMessage);
      }
    };
    connection.onClose = () => {
      if (this.#daemon?.connection !== connection) return;
      closeFd(this.#daemon.pidfd);
      this.#daemon = undefined;
    };
  }

  /** Answers the request, or says why not. */
  #attempt(connection: Connection, pid: number, request: KeeperRequest): string | undefined {
    try {
      return this.#handle(connection, pid, request);
    } catch (error) {
      if (!(error instanceof SysError)) this.#options.log(`bug: ${String(error)}`);
      return error instanceof Error ? error.message : String(error);
    }
  }

  #handle(connection: Connection, pid: number, request: KeeperRequest): string | undefined {
    const { store, journal, supervisor, onShutdown } = this.#options;
    const { id } = request;
    const reply = (welcome?: Welcome): void => {
      const message: KeeperMessage = {
        type: 'reply',
        id,
        ...(welcome === undefined ? {} : { welcome }),
      };
      connection.send(message);
    };
    if (request.type === 'hello') {
      if (pid !== supervisor.pid) return `process ${pid} is not the daemon that the keeper started`;
      if (this.#daemon !== undefined) return 'the daemon is connected already';
      this.#daemon = { connection, pidfd: pidfdOpen(pid) };
      reply(this.#welcome(store.handOver()));
      return undefined;
    }
    const daemon = this.#daemon;
    if (daemon?.connection !== connection) return 'hello comes first';
    switch (request.type) {
      case 'store':
        store.store(request.name, request.kind, pidfdGetfd(daemon.pidfd, request.fd));
        break;
      case 'drop':
        store.drop(request.name);
        break;
      case 'forget-exits':
        journal.forget(request.sequence);
        break;
      case 'ready':
        supervisor.ready();
        break;
      case 'leaving':
        supervisor.leaving(request.again);
        break;
      case 'shutdown':
        if (store.holdsConsole) return 'a machine is running';
        onShutdown();
        break;
    }
    reply();
    return undefined;
  }

  #welcome(descriptors: StoredDescriptor[]): Welcome {
    return { keeperPid: process.pid, descriptors, exits: this.#options.journal.records };
  }
}
