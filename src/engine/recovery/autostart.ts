import type { EngineDeps, WorkContext } from '../types.ts';

/**
 * Starts what should run after the host (or the keeper) restarted: `boot.autostart=true`, or unset
 * and running before; by priority, each followed by its delay. A failure is logged and the next goes on.
 */
export async function autostart(deps: EngineDeps, context: WorkContext): Promise<void> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${context.signal.aborted}`));
}
