import { amounts } from './check.ts';
import type { Ceilings, Policy } from './policy.ts';

/** The rules in a few words: `2 machines; each memory 1 GiB, cpu 2; denies raw.idmap`. */
export function describePolicy(policy: Policy): string {
  const { machines, force, deny, devices, images } = policy;
  const list = (name: string, values: readonly string[] | undefined): string[] =>
    values === undefined ? [] : [`${name} ${values.length === 0 ? 'none' : values.join(' ')}`];
  const forced = Object.entries(force).map(([key, value]) => `${key}=${value}`);
  const parts = [
    ...(machines === undefined ? [] : [`${machines} machines`]),
    ...ceilings('each', policy.each),
    ...ceilings('together', policy.together),
    ...(forced.length === 0 ? [] : [`forces ${forced.join(' ')}`]),
    ...(deny.length === 0 ? [] : [`denies ${deny.join(' ')}`]),
    ...list('devices', devices.types),
    ...list('paths', devices.paths),
    ...list('listens on', devices.listen),
    ...list('images', images),
  ];
  return parts.length === 0 ? 'no rules' : parts.join('; ');
}

function ceilings(name: string, all: Ceilings): string[] {
  const parts = amounts.flatMap(({ field, rule, format }) => {
    const most = all[field];
    return most === undefined ? [] : [`${rule} ${format(most)}`];
  });
  return parts.length === 0 ? [] : [`${name} ${parts.join(', ')}`];
}
