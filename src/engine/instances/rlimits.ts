import { effectiveRlimits } from '../../contract/config/limits.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import { readRlimits, type Rlimits } from '../../sys/proc/rlimits.ts';
import type { EngineDeps } from '../types.ts';

/**
 * Throws `host_lacks` for a resource limit above what the daemon may have itself: no ordinary user
 * raises a hard limit (man 2 setrlimit), not even as root of a user namespace.
 */
export function checkRlimits(
  deps: Pick<EngineDeps, 'ids'>,
  name: string,
  config: StringMap,
  own: Rlimits = readRlimits('self'),
): void {
  for (const { type, hard } of effectiveRlimits(config)) {
    const item = type.replace('RLIMIT_', '').toLowerCase();
    const most = own[item]?.hard ?? Infinity;
    if (hard <= most) continue;
    throw new WarrenError('host_lacks', {
      what: `hold ${name} to limits.kernel.${item}=${config[`limits.kernel.${item}`]}`,
      found: `${deps.ids.user} may have ${item} of ${most} at most`,
      wanted: 'that or less, or an administrator who allows more',
      // pam_limits counts for logins and for the user manager alike; its units are setrlimit's but
      // for these, which it takes in KiB.
      hint: `echo '${deps.ids.user} hard ${item} ${pamValue(item, hard)}' | sudo tee -a /etc/security/limits.d/warren.conf    (then log in anew)`,
    });
  }
}

/**
 * The configured ones as the kernel has them for a machine's init: `limits.kernel.nofile` →
 * `10:20`.
 */
export function heldRlimits(config: StringMap, initPid: number): Record<string, string> {
  const wanted = effectiveRlimits(config).map(({ type }) =>
    type.replace('RLIMIT_', '').toLowerCase(),
  );
  if (wanted.length === 0) return {};
  const held = readRlimits(initPid);
  return Object.fromEntries(
    wanted.flatMap((item) => {
      const limit = held[item];
      if (limit === undefined) return [];
      return [[`limits.kernel.${item}`, `${formatRlimit(limit.soft)}:${formatRlimit(limit.hard)}`]];
    }),
  );
}

const inKib = new Set(['as', 'core', 'data', 'fsize', 'memlock', 'rss', 'stack']);

function pamValue(item: string, hard: number): string {
  return formatRlimit(inKib.has(item) ? Math.ceil(hard / 1024) : hard);
}

function formatRlimit(value: number): string {
  return value === Infinity ? 'unlimited' : String(value);
}
