import type { DeviceMap } from '../../contract/api/instances.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps } from '../types.ts';
import { attachedHolders } from './hold.ts';
import { getVolume, volumeOfDevice } from './list.ts';
import { checkVolumeName } from './validate.ts';

/**
 * Gives it another name, also in the devices of machines and profiles. Throws `in_use` while a
 * machine that runs has it, as LXD does; `exists`.
 */
export async function renameVolume(deps: EngineDeps, name: string, newName: string): Promise<void> {
  checkVolumeName(`rename the storage volume ${name}`, newName);
  using _ = await deps.live.volumes.hold(String(getVolume(deps, name).id));
  const { store } = deps;
  store.transaction(() => {
    const volume = getVolume(deps, name);
    const users = attachedHolders(deps, volume).map((holder) => holder.name);
    if (users.length > 0) throw new WarrenError('in_use', { kind: 'storage volume', name, users });
    store.volumes.rename(volume, newName);
    for (const record of store.instances.list()) {
      const devices = renamed(record.devices, name, newName);
      if (devices !== undefined) store.instances.setSettings(record.id, { ...record, devices });
    }
    for (const profile of store.profiles.list()) {
      const devices = renamed(profile.devices, name, newName);
      if (devices !== undefined) store.profiles.set(profile.id, { ...profile, devices });
    }
  });
  deps.events.lifecycle({
    action: 'storage-volume-renamed',
    subject: { kind: 'volume', name: newName },
    context: { old_name: name },
  });
}

/** Undefined when none of the devices is of that volume. */
function renamed(devices: DeviceMap, name: string, newName: string): DeviceMap | undefined {
  if (!Object.values(devices).some((device) => volumeOfDevice(device) === name)) return undefined;
  return Object.fromEntries(
    Object.entries(devices).map(([device, keys]) => [
      device,
      volumeOfDevice(keys) === name ? { ...keys, source: newName } : keys,
    ]),
  );
}
