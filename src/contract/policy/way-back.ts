import type { ConfigLayer } from '../config/expand.ts';
import { printable } from '../config/validate.ts';
import type { Issue } from '../errors.ts';

/** A machine before or after a change, with what a policy has against it. */
export interface Standing {
  readonly machine: ConfigLayer;
  readonly issues: readonly Issue[];
}

/**
 * Whether a change does nothing but take away what a policy has against machines: there is less of
 * that than before, and what is left was there with the same setting. So a user whose machine is
 * against several new rules can mend it step by step.
 */
export function isWayBack(
  changes: readonly { readonly before: Standing; readonly after: Standing }[],
): boolean {
  const count = (side: 'before' | 'after'): number =>
    changes.reduce((sum, change) => sum + change[side].issues.length, 0);
  return (
    count('after') < count('before') &&
    changes.every(({ before, after }) =>
      after.issues.every(
        ({ path, problem }) =>
          before.issues.some((old) => old.path === path && old.problem === problem) &&
          settingAt(before.machine, path) === settingAt(after.machine, path),
      ),
    )
  );
}

/** What the path of an issue is about: a key's value, or a whole device. */
function settingAt({ config, devices }: ConfigLayer, path: string): string {
  return JSON.stringify([
    Object.entries(config).filter(([key]) => path === `config.${printable(key)}`),
    Object.entries(devices).filter(([name]) => path.startsWith(`devices.${name}.`)),
  ]);
}
