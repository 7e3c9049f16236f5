import { WarrenError } from '../../../contract/errors.ts';
import { execInstance } from '../../../engine/instances/exec.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { statusOf } from '../../../engine/instances/state.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { param } from '../../http/request.ts';
import { isSize, receiveControl } from '../../operations/control.ts';
import { runExec, untilExit } from '../../operations/exec.ts';
import { OperationSockets } from '../../operations/sockets.ts';
import { recordExec } from './records.ts';
import { instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { ExecInput } from '../../../engine/instances/exec.ts';
import type { OperationSpec, OperationWork } from '../../operations/operation.ts';
import type { DaemonContext } from '../../context.ts';

interface ExecRequest {
  readonly input: ExecInput;
  readonly overWebsocket: boolean;
  readonly record: boolean;
}

/** `POST /1.0/instances/NAME/exec`. */
export function execRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    app.post(`/1.0/${tree}/:name/exec`, async (request, reply) => {
      const name = param(request, 'name');
      const what = `run a command in ${name}`;
      const wanted = readRequest(name, new Fields(what, await readJson(request.raw, what)));
      const status = statusOf(engine, getInstance(engine, name));
      if (status !== 'Running') {
        throw new WarrenError('wrong_state', {
          name,
          action: 'run a command in',
          state: status.toLowerCase(),
          wanted: 'running',
          hint: `warren start ${name}`,
        });
      }
      const spec = wanted.overWebsocket ? overSockets(context, wanted) : detached(context, wanted);
      return startOn(context, reply, name, spec);
    });
  }
}

function readRequest(name: string, fields: Fields): ExecRequest {
  const command = fields.strings('command') ?? [];
  if (command.length === 0 || command[0] === '') fields.issue('command', 'is missing');
  if (command.some((argument) => argument.includes('\0'))) {
    fields.issue('command', 'holds a NUL character');
  }
  const id = (key: string): number | undefined => {
    const value = fields.integer(key);
    if (value !== undefined && (value < 0 || value > 0xffff_fffe)) {
      fields.issue(key, 'is no user or group id');
    }
    return value;
  };
  const interactive = fields.boolean('interactive') ?? false;
  const size = (key: string, otherwise: number): number => {
    const value = fields.integer(key) ?? 0;
    return isSize(value) ? value : otherwise;
  };
  const [width, height] = [size('width', 80), size('height', 24)];
  const input = {
    name,
    command,
    environment: fields.stringMap('environment') ?? {},
    uid: id('user') ?? 0,
    gid: id('group'),
    cwd: fields.string('cwd'),
    terminal: interactive ? { width, height } : undefined,
  };
  const overWebsocket = fields.boolean('wait-for-websocket') ?? false;
  const record = fields.boolean('record-output') ?? false;
  if (interactive && !overWebsocket) {
    fields.issue('interactive', 'needs wait-for-websocket');
  }
  if (overWebsocket && record) fields.issue('record-output', 'cannot go with wait-for-websocket');
  fields.done();
  return { input, overWebsocket, record };
}

type ExecOperation = Omit<OperationSpec, 'resources'>;

function overSockets(context: DaemonContext, { input }: ExecRequest): ExecOperation {
  const streams = input.terminal === undefined ? ['0', '1', '2'] : ['0'];
  const sockets = new OperationSockets([...streams, 'control']);
  // pylxd never connects control when it has no terminal.
  const required = input.terminal === undefined ? streams : ['0', 'control'];
  return {
    class: 'websocket',
    description: 'Executing command',
    cancellable: true,
    metadata: {
      fds: sockets.fds,
      command: input.command,
      environment: input.environment,
      interactive: input.terminal !== undefined,
    },
    sockets,
    work: async (work) => {
      await sockets.connected(required, work.signal);
      const session = await startSession(context, input, work);
      sockets.onConnect((name, socket) => {
        if (name !== 'control') return;
        receiveControl(socket, {
          resize: (width, height) => {
            session.resize(width, height);
          },
          signal: (signal) => {
            session.signal(signal);
          },
          closed: () => {
            session.kill();
          },
        });
      });
      return { return: await runExec(session, sockets, work.signal) };
    },
  };
}

/** Starts the command; a command that is not there is a failure that carries shell's 127 or 126. */
async function startSession(
  { engine }: DaemonContext,
  input: ExecInput,
  work: OperationWork,
): ReturnType<typeof execInstance> {
  try {
    return untilExit(await execInstance(engine, input));
  } catch (error) {
    if (error instanceof WarrenError && error.code === 'not_found') work.update({ return: 127 });
    throw error;
  }
}

function detached(context: DaemonContext, { input, record }: ExecRequest): ExecOperation {
  return {
    description: 'Executing command',
    cancellable: true,
    metadata: { command: input.command, environment: input.environment, interactive: false },
    work: (work) =>
      recordExec(context, {
        name: input.name,
        record,
        work,
        start: () => startSession(context, input, work),
      }),
  };
}
