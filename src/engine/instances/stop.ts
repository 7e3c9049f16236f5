import { setTimeout as sleep } from 'node:timers/promises';

import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, InstanceRecord, LastExit, WorkContext } from '../types.ts';
import { removeInstance } from './delete.ts';
import { endRun } from './end.ts';
import { isFrozenByUser } from './finish.ts';
import { killAndWait } from './kill.ts';
import { getInstance } from './list.ts';
import { stayStopped } from './reboots.ts';
import { isRunning } from './state.ts';

export interface StopInstanceInput {
  readonly name: string;
  /** Kills at once. */
  readonly force: boolean;
  /** How long to wait for init; then `timeout` is thrown. Undefined: `killAfterMs`. */
  readonly timeoutMs: number | undefined;
  /** How long to wait for init before it is killed; undefined: as long as warren thinks fit. */
  readonly killAfterMs?: number;
  /** It stops for the host's sake, and comes back with it. */
  readonly comesBack?: boolean;
}

/** How long an init that got its signal is waited for before it is asked in another way. */
const signalMs = 3000;
/** How long a machine gets altogether when nobody says how long; then it is killed. */
const patienceMs = 45_000;

/**
 * Shuts a machine down and returns once nothing of it runs any more and its mounts are gone. A
 * forced stop overtakes a gentle one that is under way, and both succeed. An ephemeral machine is
 * deleted. One that has rebooted and waits for its next start does not get it. Throws `wrong_state`
 * when it does not run.
 */
export async function stopInstance(
  deps: EngineDeps,
  input: StopInstanceInput,
  context: WorkContext,
): Promise<void> {
  const { name } = input;
  if (input.force && (await overtake(deps, name))) return;
  const found = getInstance(deps, name);
  using _ = await deps.live.locks.act(name, 'stop');
  const record = deps.store.instances.findById(found.id);
  const runs = record !== undefined && isRunning(deps, record);
  if (record === undefined || !(runs || deps.live.returns.isPending(record.id))) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'stop',
      state: 'stopped',
      wanted: 'running',
    });
  }
  const exit = runs ? await stopLocked(deps, record, input, context) : record.lastExit;
  if (runs) deps.live.returns.forget(record.id);
  else stayStopped(deps, record);
  deps.events.lifecycle({
    action: 'instance-stopped',
    subject: { kind: 'instance', name },
    context: { reason: exit?.kind ?? 'unknown' },
  });
  if (record.ephemeral) await removeInstance(deps, record);
}

/** The same for a caller that holds the machine's lock: sends no event and deletes nothing. */
export async function stopLocked(
  deps: EngineDeps,
  record: InstanceRecord,
  how: Omit<StopInstanceInput, 'name'>,
  context: WorkContext,
): Promise<LastExit> {
  const { run, name, id } = record;
  if (run === undefined) return record.lastExit ?? { kind: 'unknown' };
  using _ = deps.live.enter(id, 'Stopping');
  const waitMs = how.timeoutMs ?? how.killAfterMs ?? patienceMs;
  const ended = !how.force && waitMs > 0 && (await shutDown(deps, record, waitMs, context.signal));
  if (!ended) {
    // A gentle stop with a limit of its own leaves the machine as it is: the user decides.
    if (!how.force && how.timeoutMs !== undefined && how.timeoutMs > 0) {
      throw new WarrenError('timeout', {
        what: `stop ${name}`,
        seconds: how.timeoutMs / 1000,
        hint: `warren stop --force ${name}`,
      });
    }
    await killAndWait(deps, name, run.init);
  }
  const wasKilled = !ended || deps.live.find(id)?.killed === true;
  const { comesBack = false } = how;
  return await endRun(deps, record, wasKilled ? { kind: 'killed' } : undefined, { comesBack });
}

/**
 * Kills a machine whose gentle stop or restart is under way, which then ends by itself. Answers
 * whether nothing is left to do: a stop has recorded the end, and deleted an ephemeral machine.
 */
async function overtake(deps: EngineDeps, name: string): Promise<boolean> {
  const action = deps.live.locks.currentAction(name);
  if (action !== 'stop' && action !== 'restart') return false;
  const record = deps.store.instances.find(name);
  if (record?.run === undefined) return false;
  const machine = deps.live.find(record.id);
  if (machine !== undefined) machine.killed = true;
  if (isRunning(deps, record)) await killAndWait(deps, name, record.run.init);
  using _ = await deps.live.locks.wait(name);
  return action === 'stop' && deps.store.instances.findById(record.id)?.run === undefined;
}

/**
 * Asks init to go, first by its signal and then by a program inside; false when it is still there.
 */
async function shutDown(
  deps: EngineDeps,
  record: InstanceRecord,
  wholeMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { run, name, id } = record;
  if (run === undefined) return true;
  const deadline = performance.now() + wholeMs;
  const within = (ms: number): Promise<boolean> =>
    endsWithin(deps, record, Math.min(ms, deadline - performance.now()), signal);

  if (isFrozenByUser(record) || deps.live.find(id)?.frozen === true) await deps.runtime.thaw(name);
  deps.runtime.requestShutdown(run.init);
  if (await within(Math.min(signalMs, wholeMs / 2))) return true;
  for (const command of [['poweroff'], ['halt'], ['init', '0']]) {
    if (await runInside(deps, name, command)) break;
  }
  return within(wholeMs);
}

async function endsWithin(
  deps: EngineDeps,
  record: InstanceRecord,
  ms: number,
  signal: AbortSignal,
): Promise<boolean> {
  const { run, id } = record;
  if (run === undefined) return true;
  const machine = deps.live.find(id);
  if (machine === undefined) return !deps.runtime.isAlive(run.init);
  const timer = new AbortController();
  const stop = AbortSignal.any([signal, timer.signal]);
  try {
    await Promise.race([
      machine.exited,
      sleep(Math.max(0, ms), undefined, { signal: stop }).catch(() => undefined),
    ]);
  } finally {
    timer.abort();
  }
  if (signal.aborted) throw new WarrenError('cancelled', { what: `Stop of ${record.name}` });
  return !deps.runtime.isAlive(run.init);
}

/** Whether a program could be run inside and succeeded. */
async function runInside(
  deps: EngineDeps,
  name: string,
  command: readonly string[],
): Promise<boolean> {
  try {
    const session = await deps.runtime.exec(name, {
      command,
      environment: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      uid: 0,
      gid: 0,
      additionalGids: [],
    });
    if (session.stdio.kind === 'pipes') {
      session.stdio.stdin.end();
      session.stdio.stdout.resume();
      session.stdio.stderr.resume();
    }
    return (await Promise.race([session.exited, sleep(signalMs, -1)])) === 0;
  } catch (error) {
    deps.log.debug({ err: error, instance: name, command }, 'a shutdown command did not run');
    return false;
  }
}
