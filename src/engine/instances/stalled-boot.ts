import type { LiveMachine } from '../live/machines.ts';
import type { EngineDeps } from '../types.ts';
import { countInotify, judgeInotify, whyDegraded } from './inotify.ts';

/**
 * Well above what a boot takes. A machine that is up later than this says so and is shown as it is.
 */
const stalledMs = 20_000;

/**
 * A systemd without inotify instances waits for ever for units that it cannot watch, and never says
 * that it is up. For a machine whose start was warned about: from some time on it counts as
 * degraded.
 */
export function degradeWhenStalled(deps: EngineDeps, machine: LiveMachine): void {
  if (machine.boot.stage !== 'starting' || whyDegraded(deps, machine.name) === undefined) return;
  const timer = setTimeout(() => {
    // One that is taken up after a death of the daemon may have ended before it held this timer.
    if (machine.boot.stage !== 'starting' || deps.live.find(machine.id) !== machine) return;
    machine.boot.degrade();
    judgeInotify(deps, machine.name, countInotify(), 'degraded');
  }, stalledMs);
  machine.holds.push({
    [Symbol.dispose]: () => {
      clearTimeout(timer);
    },
  });
}
