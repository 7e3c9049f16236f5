import { waitAtMost } from '../../../base/wait.ts';
import { WarrenError } from '../../../contract/errors.ts';
import { freezeInstance } from '../../../engine/instances/freeze.ts';
import { expandInstance, getInstance } from '../../../engine/instances/list.ts';
import { restartInstance } from '../../../engine/instances/restart.ts';
import { startInstance } from '../../../engine/instances/start.ts';
import { readInstanceState, statusOf } from '../../../engine/instances/state.ts';
import { stopInstance } from '../../../engine/instances/stop.ts';
import { unfreezeInstance } from '../../../engine/instances/unfreeze.ts';
import { instancesOf } from '../../../engine/projects/list.ts';
import { readJson } from '../../http/body.ts';
import { Fields } from '../../http/fields.ts';
import { accepted, syncBody } from '../../http/replies.ts';
import { param, projectOfRequest, query } from '../../http/request.ts';
import { timeoutOf, whileConnected } from '../../http/waiting.ts';
import { stateView } from '../../views/instances.ts';
import { startWarnings } from './start-warnings.ts';
import { instanceResources, instanceTrees, startOn } from './tree.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EngineDeps, WorkContext } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

const actions = {
  start: { description: 'Starting instance', wants: ['Stopped', 'Frozen'] },
  stop: { description: 'Stopping instance', wants: ['Running', 'Frozen', 'Starting'] },
  restart: { description: 'Restarting instance', wants: ['Running', 'Frozen'] },
  freeze: { description: 'Freezing instance', wants: ['Running'] },
  unfreeze: { description: 'Unfreezing instance', wants: ['Frozen'] },
} as const;
type Action = keyof typeof actions;

interface StateChange {
  readonly action: Action;
  readonly force: boolean;
  /** Undefined: as long as warren thinks fit. */
  readonly timeoutMs: number | undefined;
}

/** `/1.0/instances/NAME/state`, and `PUT /1.0/instances` for every machine at once. */
export function instanceStateRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    app.get(`/1.0/${tree}/:name/state`, async (request) => {
      const name = param(request, 'name');
      // Ours too: asking again and again would take from the boot what it needs to get done.
      if (query(request, 'wait-for') === 'booted') await waitForBoot(engine, name, request);
      const record = getInstance(engine, name);
      const expanded = expandInstance(engine, record);
      // Ours: a client that waits for a machine to boot does not want its files counted meanwhile.
      const disk = query(request, 'disk') === 'last' ? 'last' : 'measured';
      return syncBody(stateView(await readInstanceState(engine, record, expanded, disk)));
    });
    app.put(`/1.0/${tree}/:name/state`, async (request, reply) => {
      const name = param(request, 'name');
      const what = `change the state of ${name}`;
      const change = readChange(new Fields(what, await readJson(request.raw, what)), what);
      getInstance(engine, name);
      return startOn(context, reply, name, {
        description: actions[change.action].description,
        cancellable: true,
        work: async (work) => {
          await applyChange(engine, name, change, work);
          return warningsAfter(engine, [name], change);
        },
      });
    });
    app.put(`/1.0/${tree}`, async (request, reply) => {
      const what = 'change the state of every instance';
      const fields = new Fields(what, await readJson(request.raw, what));
      const state = fields.object('state');
      if (state === undefined) fields.issue('state', 'is missing');
      fields.done();
      const change = readChange(state ?? fields, what);
      const wanted: readonly string[] = actions[change.action].wants;
      const names = instancesOf(engine, projectOfRequest(request))
        .filter((record) => wanted.includes(statusOf(engine, record)))
        .map((record) => record.name);
      const operation = context.operations.start({
        description: `${actions[change.action].description}s`,
        resources: instanceResources(names),
        cancellable: true,
        work: async (work) => {
          await changeAll(engine, names, change, work);
          return warningsAfter(engine, names, change);
        },
      });
      return accepted(reply, operation.render());
    });
  }
}

/** Until its boot is over, it is known how it ended, `timeout` has passed or the client is gone. */
async function waitForBoot(
  engine: EngineDeps,
  name: string,
  request: FastifyRequest,
): Promise<void> {
  const machine = engine.live.find(getInstance(engine, name).id);
  // A promise that outlives the answer would keep what waits for it.
  if (machine?.boot.stage !== 'starting') return;
  using client = whileConnected(request);
  const end = Promise.race([machine.boot.over, machine.recorded.promise]);
  await waitAtMost(end, timeoutOf(request), client.signal);
}

function readChange(fields: Fields, what: string): StateChange {
  const action = fields.requiredString('action');
  const timeout = fields.integer('timeout') ?? -1;
  const force = fields.boolean('force') ?? false;
  if (!isAction(action)) {
    fields.issue('action', `"${action}" is none, wanted ${Object.keys(actions).join(', ')}`);
  }
  if (timeout > 86_400 * 365) fields.issue('timeout', 'is longer than a year');
  const isStateful = fields.boolean('stateful') ?? false;
  fields.done();
  if (isStateful) {
    throw new WarrenError('unsupported', {
      what,
      why: 'state in memory cannot be kept without root',
    });
  }
  return {
    action: action as Action,
    // LXD: without any time to shut down in, it is killed.
    force: force || timeout === 0,
    timeoutMs: timeout < 0 ? undefined : timeout * 1000,
  };
}

async function applyChange(
  deps: EngineDeps,
  name: string,
  { action, force, timeoutMs }: StateChange,
  work: WorkContext,
): Promise<void> {
  switch (action) {
    case 'start':
      if (statusOf(deps, getInstance(deps, name)) === 'Frozen') {
        return unfreezeInstance(deps, { name }, work);
      }
      return startInstance(deps, { name }, work);
    case 'stop':
      return stopInstance(deps, { name, force, timeoutMs }, work);
    case 'restart':
      return restartInstance(deps, { name, force, timeoutMs }, work);
    case 'freeze':
      return freezeInstance(deps, { name }, work);
    case 'unfreeze':
      return unfreezeInstance(deps, { name }, work);
  }
}

/** All at once; when some fail the others still go through, and the first failure is told. */
async function changeAll(
  deps: EngineDeps,
  names: readonly string[],
  change: StateChange,
  work: WorkContext,
): Promise<void> {
  const outcomes = await Promise.allSettled(
    names.map((name) => applyChange(deps, name, change, work)),
  );
  const failures: unknown[] = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
  );
  if (failures.length > 0) throw failures[0];
}

function warningsAfter(
  engine: EngineDeps,
  names: readonly string[],
  { action }: StateChange,
): ReturnType<typeof startWarnings> {
  return action === 'start' || action === 'restart' ? startWarnings(engine, names) : undefined;
}

function isAction(text: string): text is Action {
  return Object.hasOwn(actions, text);
}
