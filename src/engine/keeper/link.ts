import { createConnection, type Socket } from 'node:net';

import { WarrenError } from '../../contract/errors.ts';
import type {
  ExitRecord,
  KeeperMessage,
  KeeperRequest,
  StoredDescriptor,
  Welcome,
} from '../../contract/keeper.ts';
import { pidfdGetfd, pidfdOpen } from '../../sys/kernel/process.ts';
import { closeFd } from '../../sys/kernel/socket.ts';
import type { KeeperLink } from '../types.ts';
import { lineSplitter } from './lines.ts';

/** A request without the number that pairs it with its reply. */
type Unnumbered = KeeperRequest extends infer R
  ? R extends unknown
    ? Omit<R, 'id'>
    : never
  : never;

/** What the daemon's main does with the keeper, besides what the engine does. */
export interface KeeperConnection extends KeeperLink {
  /**
   * Calls back once when the connection is gone: the keeper has ended. The daemon ends then too,
   * since the next keeper starts one of its own.
   */
  onClosed(listener: () => void): void;
  /** Once clients are answered: from then on a death is waited out, not told to who waits. */
  ready(): Promise<void>;
  /** Before ending on purpose. `again`: the keeper starts the next daemon at once. */
  leaving(again: boolean): Promise<void>;
  /**
   * The keeper will end after this daemon, and U0 with it. Throws `forbidden` while it holds a
   * console, for then a machine runs.
   */
  shutdown(): Promise<void>;
  /** Ends the connection; `onClosed` is not called. */
  close(): void;
}

interface Pending {
  readonly resolve: (welcome: Welcome | undefined) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Connects to the keeper and says hello; the answer has everything that outlived the daemon before.
 * Throws `daemon_unreachable` when nobody listens there, `forbidden` when the keeper did not start
 * this process.
 */
export async function connectKeeper(socketPath: string): Promise<KeeperConnection> {
  const socket = await openSocket(socketPath);
  const pending = new Map<number, Pending>();
  const exitListeners = new Set<(exit: ExitRecord) => void>();
  const closeListeners = new Set<() => void>();
  const pendingExits: ExitRecord[] = [];
  let lastId = 0;
  let closed = false;

  const request = async (message: Unnumbered): Promise<Welcome | undefined> => {
    if (closed) throw lost(socketPath);
    const id = ++lastId;
    const reply = new Promise<Welcome | undefined>((resolve, reject) => {
      pending.set(id, { resolve, reject });
    });
    socket.write(`${JSON.stringify({ id, ...message })}\n`);
    return await reply;
  };

  const receive = (message: KeeperMessage): void => {
    if (message.type === 'exit') {
      // Nobody listens yet: whoever does will look at the pending ones first.
      if (exitListeners.size === 0) pendingExits.push(message.exit);
      for (const listener of exitListeners) listener(message.exit);
      return;
    }
    const waiting = pending.get(message.id);
    pending.delete(message.id);
    if (message.type === 'reply') waiting?.resolve(message.welcome);
    else
      waiting?.reject(new WarrenError('forbidden', { what: 'use the keeper', why: message.why }));
  };

  socket.setEncoding('utf8');
  socket.on(
    'data',
    lineSplitter((line) => {
      receive(JSON.parse(line) as KeeperMessage);
    }),
  );
  socket.on('error', () => undefined);
  socket.on('close', () => {
    const onPurpose = closed;
    closed = true;
    for (const { reject } of pending.values()) reject(lost(socketPath));
    pending.clear();
    if (!onPurpose) for (const listener of closeListeners) listener();
  });

  const welcome = await request({ type: 'hello', pid: process.pid });
  if (welcome === undefined) throw lost(socketPath);
  const held = new Map(welcome.descriptors.map((descriptor) => [descriptor.name, descriptor]));
  const stored = new Set(held.keys());
  const keeperPidfd = pidfdOpen(welcome.keeperPid);
  socket.once('close', () => {
    closeFd(keeperPidfd);
  });
  pendingExits.unshift(...welcome.exits);

  return {
    keeperPid: welcome.keeperPid,
    pendingExits,
    names: () => [...stored],
    onExit(listener) {
      exitListeners.add(listener);
      return { [Symbol.dispose]: () => exitListeners.delete(listener) };
    },
    onClosed(listener) {
      if (closed) listener();
      else closeListeners.add(listener);
    },
    async forgetExits(sequence) {
      await request({ type: 'forget-exits', sequence });
    },
    async store(name, kind, fd) {
      await request({ type: 'store', name, kind, fd });
      stored.add(name);
      // Its number in the keeper is not told, and who stored it has it.
      held.delete(name);
    },
    fetch(name) {
      const descriptor = held.get(name);
      return Promise.resolve(descriptor === undefined ? undefined : take(keeperPidfd, descriptor));
    },
    async drop(name) {
      await request({ type: 'drop', name });
      stored.delete(name);
      held.delete(name);
    },
    async ready() {
      await request({ type: 'ready' });
    },
    async leaving(again) {
      await request({ type: 'leaving', again });
    },
    async shutdown() {
      await request({ type: 'shutdown' });
    },
    close() {
      closed = true;
      socket.destroy();
    },
  };
}

function take(
  keeperPidfd: number,
  { fd, drained }: StoredDescriptor,
): { fd: number; drained: Buffer } {
  return { fd: pidfdGetfd(keeperPidfd, fd), drained: Buffer.from(drained, 'base64') };
}

async function openSocket(path: string): Promise<Socket> {
  return await new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const fail = (error: Error): void => {
      reject(new WarrenError('daemon_unreachable', { socket: path, why: error.message }));
    };
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function lost(path: string): WarrenError {
  return new WarrenError('daemon_unreachable', { socket: path, why: 'the keeper has ended' });
}
