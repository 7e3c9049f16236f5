import { hostPath, type HostPath } from '../../base/brand.ts';
import { deferred } from '../../base/mutex.ts';
import { Boot } from '../live/boot.ts';
import { MachineConsole } from '../live/console.ts';
import { ConsoleLog } from '../live/console-log.ts';
import type { LiveMachine } from '../live/machines.ts';
import { countInotify, judgeInotify } from './inotify.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

/** Under which names the keeper holds a machine's console. */
export function consoleNames(id: number): { readonly master: string; readonly keepalive: string } {
  return { master: `console:${id}`, keepalive: `console-keepalive:${id}` };
}

/** Beside the machine's root, never in it. */
export function consoleLogPath(deps: Pick<EngineDeps, 'paths'>, id: number): HostPath {
  return hostPath(`${deps.paths.logDir}/console-${id}.log`);
}

/**
 * Takes a running machine into this daemon's memory: its console is read from now on and its end is
 * noticed. Owns the descriptors from here.
 */
export function adopt(
  deps: EngineDeps,
  record: Pick<InstanceRecord, 'id' | 'name'>,
  init: LiveMachine['init'],
  fds: { readonly consoleFd: number; readonly keepaliveFd: number | undefined } | undefined,
): LiveMachine {
  const { id, name } = record;
  const onFailure = (error: unknown): void => {
    deps.log.warn({ err: error, instance: name }, 'trouble with the console');
  };
  const console =
    fds === undefined
      ? undefined
      : new MachineConsole(fds, new ConsoleLog(consoleLogPath(deps, id), onFailure), onFailure);
  let ended: () => void = () => undefined;
  const exited = new Promise<void>((resolve) => {
    ended = resolve;
  });
  const machine: LiveMachine = {
    id,
    name,
    init,
    console,
    exited,
    recorded: deferred(),
    boot: new Boot(),
    frozen: false,
    killed: false,
    holds: [],
  };
  machine.holds.push(
    deps.runtime.watchExit(init, () => {
      ended();
      deps.live.onEnded(machine);
    }),
  );
  deps.live.add(machine);
  return machine;
}

/**
 * Follows the boot of a machine that says READY=1: records when, and whether units failed. One that
 * cannot say it counts as booted once it is started.
 */
export async function followBoot(
  deps: EngineDeps,
  machine: LiveMachine,
  isSystemd: boolean,
): Promise<void> {
  if (!isSystemd) {
    machine.boot.finish();
    return;
  }
  machine.holds.push(
    await deps.runtime.listenNotify(machine.name, () => {
      noteBooted(deps, machine);
      void noteFailedUnits(deps, machine);
    }),
  );
}

/**
 * For a machine that was booting when a daemon died, once the next one listens: what systemd said
 * in between is lost, so it is asked.
 */
export async function catchUpWithBoot(deps: EngineDeps, machine: LiveMachine): Promise<void> {
  await askSystemd(deps, machine, (state) => {
    if (state !== 'running' && state !== 'degraded') return;
    if (machine.boot.stage === 'starting') noteBooted(deps, machine);
    judgeUnits(deps, machine, state);
  });
}

/**
 * Asks systemd once whether everything came up; with failed units the machine counts as degraded.
 */
export async function noteFailedUnits(deps: EngineDeps, machine: LiveMachine): Promise<void> {
  await askSystemd(deps, machine, (state) => {
    judgeUnits(deps, machine, state);
  });
}

function noteBooted(deps: EngineDeps, machine: LiveMachine): void {
  if (deps.live.find(machine.id) !== machine) return;
  deps.store.instances.setBooted(machine.id, deps.now());
  machine.boot.finish();
  deps.events.lifecycle({
    action: 'instance-ready',
    subject: { kind: 'instance', name: machine.name },
    context: {},
  });
}

function judgeUnits(deps: EngineDeps, machine: LiveMachine, state: string): void {
  if (state !== 'degraded') return;
  machine.boot.degrade();
  judgeInotify(deps, machine.name, countInotify(), 'degraded');
}

/** Hands over what systemd says of itself (man 1 systemctl, is-system-running), if it does. */
async function askSystemd(
  deps: EngineDeps,
  machine: LiveMachine,
  use: (state: string) => void,
): Promise<void> {
  try {
    const session = await deps.runtime.exec(machine.name, {
      command: ['systemctl', 'is-system-running'],
      environment: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      cwd: '/',
      uid: 0,
      gid: 0,
      additionalGids: [],
    });
    const timer = setTimeout(() => {
      session.kill();
    }, 10_000);
    let answer = '';
    if (session.stdio.kind === 'pipes') {
      session.stdio.stdin.end();
      session.stdio.stderr.resume();
      session.stdio.stdout.on('data', (chunk: Buffer) => {
        if (answer.length < 64) answer += chunk.toString('latin1');
      });
    }
    await session.exited;
    clearTimeout(timer);
    use(answer.trim());
  } catch (error) {
    // It may be halting already; nothing depends on the answer.
    deps.log.debug({ err: error, instance: machine.name }, 'systemd was not asked for its state');
  }
}
