import { setTimeout as sleep } from 'node:timers/promises';

import type { ProcessIdentity } from '../../base/process-identity.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';

const killTimeoutMs = 10_000;

/**
 * Kills everything in a machine and returns when its init is gone; with it the kernel ends the
 * whole pid namespace. Throws `timeout` for one that hangs in the kernel.
 */
export async function killAndWait(
  deps: Pick<EngineDeps, 'runtime'>,
  name: string,
  init: ProcessIdentity,
): Promise<void> {
  await deps.runtime.killAll(name, init);
  const deadline = performance.now() + killTimeoutMs;
  for (let pauseMs = 2; deps.runtime.isAlive(init); pauseMs = Math.min(50, pauseMs * 2)) {
    if (performance.now() > deadline) {
      throw new WarrenError('timeout', { what: `kill ${name}`, seconds: killTimeoutMs / 1000 });
    }
    await sleep(pauseMs);
  }
}
