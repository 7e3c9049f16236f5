import type { StringMap } from '../contract/api/instances.ts';
import { WarrenError } from '../contract/errors.ts';

/**
 * `invalid` when a machine was not made for a sysctl that the kernel refused, by what the OCI
 * runtime wrote (crun: `write to /proc/sys/net/core/somaxconn: Invalid argument`): which values a
 * sysctl takes, and whether a machine may set it, only the kernel knows. Undefined when it was
 * something else.
 */
export function sysctlRefusal(
  name: string,
  sysctl: StringMap,
  output: string,
): WarrenError<'invalid'> | undefined {
  const said = /\/proc\/sys\/(?<path>[^:'"`\s]+)['"`]?: (?<reason>[^:]+)$/.exec(output.trim());
  const { path = '', reason = '' } = said?.groups ?? {};
  const key = Object.keys(sysctl).find((each) => each.replaceAll('.', '/') === path);
  if (key === undefined) return undefined;
  const problem = `the kernel refuses "${sysctl[key]}" (${reason}), wanted ${wanted[reason] ?? 'a value that it takes'}`;
  const issues = [{ path: `config.linux.sysctl.${key}`, problem }];
  return new WarrenError('invalid', { what: `start ${name}`, issues });
}

const wanted: Readonly<Record<string, string>> = {
  'No such file or directory': 'a sysctl that this kernel gives to machines',
  'Permission denied': 'a sysctl that a machine may set',
  'Operation not permitted': 'a sysctl that a machine may set',
};
