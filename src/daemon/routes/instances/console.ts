import { WarrenError } from '../../../contract/errors.ts';
import {
  attachConsole,
  clearConsoleLog,
  readConsoleLog,
} from '../../../engine/instances/console.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { statusOf } from '../../../engine/instances/state.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { syncBody } from '../../http/replies.ts';
import { param } from '../../http/request.ts';
import { isSize, receiveControl } from '../../operations/control.ts';
import { bufferOf, onceClosed } from '../../operations/pipes.ts';
import { OperationSockets } from '../../operations/sockets.ts';
import { instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { WebSocket } from 'ws';
import type { DaemonContext } from '../../context.ts';

/** A client this far behind loses output: the machine must not wait for it. */
const maxBacklogBytes = 1024 * 1024;

/** `/1.0/instances/NAME/console`. */
export function consoleRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const path = `/1.0/${tree}/:name/console`;
    app.get(path, async (request, reply) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const log = await readConsoleLog(engine, name);
      return reply.header('Content-Type', 'application/octet-stream').send(log);
    });
    app.delete(path, async (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      await clearConsoleLog(engine, name);
      return syncBody(null);
    });
    app.post(path, async (request, reply) => {
      const name = param(request, 'name');
      const what = `attach to the console of ${name}`;
      const fields = new Fields(what, (await readJson(request.raw, what)) ?? {});
      const type = fields.string('type') ?? '';
      const [width, height] = [fields.integer('width') ?? 0, fields.integer('height') ?? 0];
      if (type !== '' && type !== 'console')
        fields.issue('type', `"${type}" is none, wanted console`);
      fields.done();
      const status = statusOf(engine, getInstance(engine, name));
      if (status !== 'Running' && status !== 'Frozen' && status !== 'Stopping') {
        throw new WarrenError('wrong_state', {
          name,
          action: 'attach to the console of',
          state: status.toLowerCase(),
          wanted: 'running',
          hint: `warren console ${name} --show-log`,
        });
      }
      const sockets = new OperationSockets(['0', 'control']);
      return startOn(context, reply, name, {
        class: 'websocket',
        description: 'Showing console',
        cancellable: true,
        metadata: { fds: sockets.fds },
        sockets,
        work: async (work) => {
          await sockets.connected(['0', 'control'], work.signal);
          await joinConsole(context, { name, sockets, width, height, signal: work.signal });
          return undefined;
        },
      });
    });
  }
}

/**
 * Until the client detaches (it closes a socket), the machine ends, or the operation is cancelled.
 */
async function joinConsole(
  { engine }: DaemonContext,
  options: {
    readonly name: string;
    readonly sockets: OperationSockets;
    readonly width: number;
    readonly height: number;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { name, sockets, width, height, signal } = options;
  const data = sockets.get('0');
  const control = sockets.get('control');
  if (data === undefined || control === undefined) return;
  await new Promise<void>((resolve, reject) => {
    const attachment = attachConsole(engine, name, {
      onData: (chunk) => {
        if (data.readyState === data.OPEN && data.bufferedAmount < maxBacklogBytes) {
          data.send(chunk, { binary: true });
        }
      },
      onEnd: () => {
        sayEnd(data);
        end();
      },
    });
    const onAbort = (): void => {
      attachment[Symbol.dispose]();
      // Most often the daemon ends, and the next one has the console again.
      const hint = `warren console ${name}`;
      reject(new WarrenError('cancelled', { what: `The session at the console of ${name}`, hint }));
    };
    const end = (): void => {
      signal.removeEventListener('abort', onAbort);
      attachment[Symbol.dispose]();
      resolve();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (isSize(width) && isSize(height)) attachment.resize(width, height);
    data.on('message', (frame, isBinary) => {
      if (isBinary) attachment.write(bufferOf(frame));
    });
    onceClosed(data, end);
    data.resume();
    receiveControl(control, {
      resize: (columns, rows) => {
        attachment.resize(columns, rows);
      },
      signal: () => undefined,
      closed: end,
    });
  });
}

function sayEnd(socket: WebSocket): void {
  if (socket.readyState === socket.OPEN) socket.send('\n\r', { binary: true });
}
