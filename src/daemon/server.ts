import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import fastify from 'fastify';

import { catalogue, WarrenError } from '../contract/errors.ts';
import { asWarrenError } from './failures.ts';
import { swallowBody } from './http/body.ts';
import { isPeerAllowed } from './http/peers.ts';
import { errorBody } from './http/replies.ts';
import { projectOfRequest } from './http/request.ts';
import { handleUpgrades } from './http/upgrades.ts';
import { routes } from './routes/all.ts';

import type { FastifyInstance, FastifyReply } from 'fastify';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { DaemonContext } from './context.ts';

export interface DaemonServer {
  /** Listens on an inherited listening socket, or on a new one at a path. */
  listen(where: { readonly fd: number } | { readonly path: string }): Promise<void>;
  /** Accepts no more connections; those that are open go on. */
  stopListening(): void;
  /** Lets answers under way end for at most a second, then closes everything. */
  close(): Promise<void>;
}

/** Builds the HTTP server with every route. `allowedUid` is whose connections are served. */
export async function createDaemonServer(
  context: DaemonContext,
  allowedUid: number,
): Promise<DaemonServer> {
  const connections = new Set<Socket>();
  let server: Server | undefined;
  const app = fastify({
    logger: false,
    routerOptions: { maxParamLength: 4096 },
    frameworkErrors: (error, _request, reply) => {
      const problem = error.message;
      const what = 'read the request';
      const answer = reply as FastifyReply;
      void answer.code(400).send(errorBody(invalid(what, problem)));
    },
    serverFactory: (handler) => {
      const options = { keepAliveTimeout: 60_000, requestTimeout: 0 };
      server = createServer(options, limitPipelining(handler));
      return server;
    },
  });
  if (server === undefined) throw new Error('fastify made no server');
  const http: Server = server;
  http.prependListener('connection', (socket: Socket) => {
    if (!isPeerAllowed(socket, allowedUid)) {
      context.log.warn('a connection of another user was refused');
      socket.destroy();
      return;
    }
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const upgraded = new WeakSet<Duplex>();
  http.on('upgrade', (_request, socket) => {
    upgraded.add(socket);
  });
  handleUpgrades(http, context);
  prepare(app, context);
  for (const register of routes) register(app, context);
  await app.ready();
  return {
    listen: (where) =>
      new Promise((resolve, reject) => {
        http.once('error', reject);
        http.listen(where, () => {
          http.off('error', reject);
          resolve();
        });
      }),
    stopListening: () => {
      http.close();
    },
    close: async () => {
      http.close();
      http.closeIdleConnections();
      for (const socket of connections) if (upgraded.has(socket)) socket.destroy();
      const deadline = performance.now() + 1_000;
      while (connections.size > 0 && performance.now() < deadline) await sleep(10);
      for (const socket of connections) socket.destroy();
      await app.close();
    },
  };
}

/** Most requests of one connection that wait for their answer. */
const maxPipelined = 4;

/**
 * Node reads every request that comes in one piece and keeps all the answers, however slowly the
 * client takes them. No client of ours sends the next before it has the last answer.
 */
function limitPipelining(handler: RequestListener): RequestListener {
  const waiting = new WeakMap<Socket, number>();
  return (request, response) => {
    const { socket } = request;
    const count = (waiting.get(socket) ?? 0) + 1;
    if (count > maxPipelined) {
      socket.destroy();
      return;
    }
    waiting.set(socket, count);
    response.once('close', () => {
      waiting.set(socket, (waiting.get(socket) ?? 1) - 1);
    });
    handler(request, response);
  };
}

function prepare(app: FastifyInstance, context: DaemonContext): void {
  // Routes read the raw request themselves: clients send JSON with any Content-Type or none.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => {
    done(null);
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const error = new WarrenError('not_found', {
      kind: `API path for ${request.method}`,
      name: path,
      hint: 'warren query /1.0',
    });
    return reply.code(404).send(errorBody(error));
  });
  app.setErrorHandler(async (error, request, reply) => {
    const status = (error as { statusCode?: number }).statusCode;
    const what = `answer ${request.method} ${request.url.split('?')[0] ?? ''}`;
    if (request.raw.destroyed && !request.raw.complete) {
      // The client broke off while it sent its body; nobody is there to be answered.
      return reply.code(400).send(errorBody(new WarrenError('cancelled', { what })));
    }
    const isFrameworks = status !== undefined && status >= 400 && status < 500;
    const failure =
      isFrameworks && error instanceof Error && !(error instanceof WarrenError)
        ? invalid(what, error.message)
        : asWarrenError(error, { log: context.log, logPath: context.engine.paths.daemonLog, what });
    if (reply.raw.headersSent) {
      // The answer is half out: breaking the connection is the only way to say that it failed.
      reply.raw.destroy();
      return reply;
    }
    if (!(await swallowBody(request.raw))) closeInTime(request.raw);
    const body = errorBody(failure, projectOfRequest(request));
    return reply.code(catalogue[failure.code].status).send(body);
  });
}

/** How long a client may go on sending what was refused already. */
const refusedMs = 10_000;

/**
 * A client that reads the answer stops sending; to close at once could keep it from reading that.
 */
function closeInTime({ socket }: IncomingMessage): void {
  const timer = setTimeout(() => socket.destroy(), refusedMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

function invalid(what: string, problem: string): WarrenError {
  return new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
}
