import { WarrenError } from '../contract/errors.ts';
import { keyedPath, refuseSnapshot, updateObject, type KeyedGroup } from './keyed.ts';
import { UsageError } from './usage-error.ts';

import type { Context } from './context.ts';
import type { DeviceMap, StringMap } from '../contract/api/instances.ts';

/* Devices that stand for another object: a network or a volume of a machine or a profile. */

interface Owner {
  readonly devices: DeviceMap;
  /** Machines have it, profiles do not. */
  readonly expanded_devices?: DeviceMap;
}

/** What an attached object is for sentences, and how its device is known. */
export interface Attached {
  readonly kind: 'network' | 'volume';
  readonly name: string;
  readonly isIt: (keys: StringMap) => boolean;
}

/** The command that lists the devices of a machine or a profile. */
export function deviceListOf({ group }: KeyedGroup, owner: string): string {
  return `warren ${group} device list ${owner}`;
}

/**
 * Adds a device to a machine or a profile. Throws `exists` when it has one of that name itself,
 * `UsageError` for a snapshot.
 */
export async function attachDevice(
  context: Context,
  group: KeyedGroup,
  owner: string,
  device: string,
  keys: StringMap,
): Promise<void> {
  refuseSnapshot(group, owner);
  await updateObject<Owner>(context, keyedPath(group, owner), group.writable, ({ devices }) => {
    if (device in devices) {
      const hint = deviceListOf(group, owner);
      throw new WarrenError('exists', { kind: 'device', name: device, owner, hint });
    }
    return { devices: { ...devices, [device]: keys } };
  });
}

/**
 * Removes the one device of a machine or a profile that stands for `attached`; `device` says which
 * when there are several. Throws `UsageError` when there are several and it does not and for a
 * snapshot, `not_found` when there is none, `wrong_state` when it is a profile's.
 */
export async function detachDevice(
  context: Context,
  group: KeyedGroup,
  owner: string,
  attached: Attached,
  device: string | undefined,
): Promise<void> {
  refuseSnapshot(group, owner);
  const fits = ([name, keys]: readonly [string, StringMap]): boolean =>
    attached.isIt(keys) && (device === undefined || name === device);
  await updateObject<Owner>(context, keyedPath(group, owner), group.writable, (value) => {
    const [found, ...others] = Object.entries(value.devices).filter(fits);
    if (found === undefined) throw absent(group, owner, attached, value, fits);
    if (others.length > 0) throw several(owner, attached, [found, ...others]);
    const left = Object.entries(value.devices).filter(([name]) => name !== found[0]);
    return { devices: Object.fromEntries(left) };
  });
}

function several(
  owner: string,
  { kind, name }: Attached,
  found: readonly (readonly [string, StringMap])[],
): UsageError {
  const devices = found.map(([device]) => device);
  return new UsageError(
    `Cannot detach ${kind} ${name} from ${owner}: it is there as ${devices.join(' and ')}, wanted the name of one`,
  );
}

function absent(
  group: KeyedGroup,
  owner: string,
  { kind, name }: Attached,
  value: Owner,
  fits: (entry: readonly [string, StringMap]) => boolean,
): WarrenError {
  const [inherited] = Object.entries(value.expanded_devices ?? {}).find(fits) ?? [];
  if (inherited !== undefined) {
    return new WarrenError('wrong_state', {
      name: `${kind} ${name} from ${owner}`,
      action: 'detach',
      state: `there as ${inherited}, which a profile gives it`,
      wanted: 'a device of its own',
      hint: `warren config device add ${owner} ${inherited} none`,
    });
  }
  const hint = deviceListOf(group, owner);
  return new WarrenError('not_found', { kind: `device with ${kind}`, name, owner, hint });
}
