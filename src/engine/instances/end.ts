import type { ExitRecord } from '../../contract/keeper.ts';
import type { EngineDeps, InstanceRecord, LastExit } from '../types.ts';
import { finishRun } from './finish.ts';

/** The keeper reaps at once; longer means that it is not this init's parent any more. */
const exitRecordTimeoutMs = 3000;

/**
 * What a wait status says about a machine: the kernel ends init of a pid namespace with SIGHUP when
 * the guest reboots and with SIGINT when it halts or powers off (man 2 reboot).
 */
function classifyExit(exit: ExitRecord['exit'] | undefined): LastExit {
  if (exit === undefined) return { kind: 'unknown' };
  if (exit.kind === 'killed' && exit.value === 1) return { kind: 'rebooted' };
  if (exit.kind === 'killed' && exit.value === 2) return { kind: 'halted' };
  return {
    kind: 'crashed',
    detail: exit.kind === 'exited' ? `exit status ${exit.value}` : `signal ${exit.value}`,
  };
}

/**
 * Finishes a run and settles its exit with the keeper. `cause` is what this daemon did to it, which
 * explains the wait status better than the status itself. `returns`: one that rebooted will be
 * started again, and until then counts as one that should run. `comesBack`: it should, whatever its
 * end was.
 */
export async function endRun(
  deps: EngineDeps,
  record: InstanceRecord,
  cause: LastExit | undefined,
  { returns = false, comesBack = false } = {},
): Promise<LastExit> {
  const init = record.run?.init;
  const wait = init?.bootId === deps.bootId ? exitRecordTimeoutMs : 0;
  const reported = init === undefined ? undefined : await deps.live.exits.take(init, wait);
  const exit =
    init !== undefined && init.bootId !== deps.bootId
      ? ({ kind: 'host-restart' } as const)
      : preferred(cause, classifyExit(reported?.exit));
  const shouldRun =
    comesBack || exit.kind === 'host-restart' || (returns && exit.kind === 'rebooted');
  await finishRun(deps, record, exit, shouldRun);
  if (reported !== undefined) deps.live.exits.settle(reported);
  return exit;
}

/** A machine that halted before it was killed has halted. */
function preferred(cause: LastExit | undefined, seen: LastExit): LastExit {
  return cause === undefined || seen.kind === 'halted' || seen.kind === 'rebooted' ? seen : cause;
}
