import { nameWithout, projectWith } from '../../base/names.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';
import { attachedHolders } from './hold.ts';
import { volumeFor, volumeForProfile } from '../projects/features.ts';
import { getVolume, refuseUsedVolume, volumeOfDevice } from './list.ts';
import { checkVolumeName } from './validate.ts';

/**
 * Gives it another name, also in the devices of machines and profiles. Throws `in_use` while a
 * machine that runs has it, as LXD does, or for another project while it is anyone's; `exists`.
 */
export async function renameVolume(deps: EngineDeps, name: string, newName: string): Promise<void> {
  checkVolumeName(`rename the storage volume ${name}`, newName);
  using _ = await deps.live.volumes.hold(String(getVolume(deps, name).id));
  const { store } = deps;
  store.transaction(() => {
    const volume = getVolume(deps, name);
    const users = attachedHolders(deps, volume).map((holder) => holder.name);
    if (users.length > 0) throw new WarrenError('in_use', { kind: 'storage volume', name, users });
    if (projectWith(newName) !== projectWith(name)) refuseUsedVolume(deps, name);
    store.volumes.rename(volume, newName);
    for (const record of store.instances.list()) {
      const isIt = (called: string): boolean => volumeFor(deps, record.name, called) === name;
      const devices = renamed(record.devices, isIt, nameWithout(newName));
      if (devices !== undefined) store.instances.setSettings(record.id, { ...record, devices });
    }
    for (const profile of store.profiles.list()) {
      const isIt = (called: string): boolean =>
        volumeForProfile(deps, profile.name, called) === name;
      const devices = renamed(profile.devices, isIt, nameWithout(newName));
      if (devices !== undefined) store.profiles.set(profile.id, { ...profile, devices });
    }
  });
  deps.events.lifecycle({
    action: 'storage-volume-renamed',
    subject: { kind: 'volume', name: newName },
    context: { old_name: nameWithout(name) },
  });
}

/** Undefined when none of the devices is of that volume. */
function renamed(
  devices: DeviceMap,
  isIt: (called: string) => boolean,
  newName: string,
): DeviceMap | undefined {
  const hasIt = (device: StringMap): boolean => {
    const called = volumeOfDevice(device);
    return called !== undefined && isIt(called);
  };
  if (!Object.values(devices).some(hasIt)) return undefined;
  return Object.fromEntries(
    Object.entries(devices).map(([device, keys]) => [
      device,
      hasIt(keys) ? { ...keys, source: newName } : keys,
    ]),
  );
}
