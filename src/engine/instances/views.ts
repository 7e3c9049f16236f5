import { isWarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';

/**
 * Has running machines see their own limits through the lxcfs that runs now: it may have been
 * installed, restarted or have died since they began, and its files answer nothing then.
 */
export async function renewViews(deps: EngineDeps): Promise<void> {
  for (const { name, init } of deps.live.list()) {
    try {
      // Without holding it, so that a look each minute takes a machine from nobody.
      if (!(await deps.runtime.hasOldViews(name, init))) continue;
      using _ = await deps.live.locks.wait(name);
      await deps.runtime.renewViews(name, init);
    } catch (error) {
      if (isWarrenError(error, 'wrong_state')) continue;
      deps.log.warn({ err: error, instance: name }, 'what a machine sees of its limits is old');
    }
  }
}
