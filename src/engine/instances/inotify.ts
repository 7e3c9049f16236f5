import { readFileSync } from 'node:fs';

import { countSpareInotify } from '../../sys/kernel/inotify.ts';
import type { EngineDeps } from '../types.ts';

/**
 * A Debian with systemd has nine when it has booted (five of init itself), and one is to work with.
 */
const wanted = 10;
const type = 'Inotify instances run out';

/**
 * How many of the inotify instances that a machine with systemd wants there are. The host caps them
 * per user, over all machines; systemd comes up with failed units when they run out.
 */
export function countInotify(): number {
  return countSpareInotify(wanted);
}

/** Raises a warning about a machine for which `found` were too few, or takes it back. */
export function judgeInotify(
  deps: EngineDeps,
  name: string,
  found: number,
  when: 'started' | 'degraded',
): void {
  const entity = `instance ${name}`;
  if (found >= wanted) {
    if (when === 'started') deps.store.warnings.resolve(type, entity);
    return;
  }
  const state = when === 'started' ? 'may come up degraded' : 'came up degraded';
  const message =
    `${name} ${state}: inotify instances left for it were ${found}, wanted ${wanted}; ` +
    `fs.inotify.max_user_instances is ${readCap()} for all machines of a user ` +
    `(sudo sysctl -w fs.inotify.max_user_instances=1024)`;
  deps.store.warnings.raise({ type, severity: 'moderate', entity, message }, deps.now());
  deps.log.warn({ instance: name, found, wanted }, message);
}

/** What the last start of a machine had to say about it. */
export function whyDegraded(deps: Pick<EngineDeps, 'store'>, name: string): string | undefined {
  return deps.store.warnings
    .list()
    .find((one) => one.type === type && one.entity === `instance ${name}` && one.status === 'new')
    ?.message;
}

function readCap(): string {
  return readFileSync('/proc/sys/fs/inotify/max_user_instances', 'utf8').trim();
}
