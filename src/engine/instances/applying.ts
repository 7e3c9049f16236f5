import type { Expanded } from '../../contract/config/expand.ts';
import type { InstanceRecord } from '../types.ts';

/**
 * While settings are applied to a running machine, its row says what they were before: a daemon
 * that dies half-way is followed by one that does the rest.
 */
const key = 'volatile.applying';

/** Keys to merge into the config with the new settings. */
export function noteApplying(before: Expanded): Record<string, string> {
  const { config, devices, optionalLimits } = before;
  return { [key]: JSON.stringify({ config, devices, optionalLimits: [...optionalLimits] }) };
}

/** Keys to merge once they are applied, or the machine's run has ended. */
export const applied: Readonly<Record<string, undefined>> = { [key]: undefined };

/** What was before the settings that are still being applied. */
export function findApplying({ config }: Pick<InstanceRecord, 'config'>): Expanded | undefined {
  const text = config[key];
  if (text === undefined) return undefined;
  const before = JSON.parse(text) as Expanded & { readonly optionalLimits: readonly string[] };
  return { ...before, optionalLimits: new Set(before.optionalLimits) };
}
