import { projectWith } from '../../base/names.ts';
import { nearestName } from '../../base/text.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { expander, listInstances } from '../instances/list.ts';
import type { EngineDeps, VolumeRecord } from '../types.ts';
import { volumeFor, volumeForProfile } from '../projects/features.ts';

/**
 * Volumes that are no snapshots, by name; those of every project, or what `project` has of its own.
 */
export function listVolumes(deps: Pick<EngineDeps, 'store'>, project?: string): VolumeRecord[] {
  const all = deps.store.volumes.list().filter(({ parentId }) => parentId === undefined);
  return project === undefined ? all : all.filter(({ name }) => projectWith(name) === project);
}

/** Throws `not_found` with the nearest name. */
export function getVolume(deps: Pick<EngineDeps, 'store'>, name: string): VolumeRecord {
  const volume = deps.store.volumes.find(name);
  if (volume !== undefined) return volume;
  const names = listVolumes(deps, projectWith(name)).map((other) => other.name);
  const nearest = nearestName(name, names);
  throw new WarrenError('not_found', { kind: 'storage volume', name, nearest });
}

/** Throws `not_found` with the nearest name. */
export function getVolumeSnapshot(
  deps: Pick<EngineDeps, 'store'>,
  { id }: Pick<VolumeRecord, 'id'>,
  name: string,
): VolumeRecord {
  const all = deps.store.volumes.snapshots(id);
  const snapshot = all.find((one) => one.name === name);
  if (snapshot !== undefined) return snapshot;
  const nearest = nearestName(
    name,
    all.map((other) => other.name),
  );
  throw new WarrenError('not_found', { kind: 'snapshot', name, nearest });
}

/**
 * The volume that a device hands out, by the name that its project has for it; undefined of every
 * other device.
 */
export function volumeOfDevice(device: StringMap): string | undefined {
  const { type, pool = '', path, source } = device;
  return type === 'disk' && pool !== '' && path !== '/' && source !== '' ? source : undefined;
}

function volumesIn(devices: DeviceMap, named: (name: string) => string): string[] {
  return Object.values(visibleDevices(devices)).flatMap((device) => {
    const volume = volumeOfDevice(device);
    return volume === undefined ? [] : [named(volume)];
  });
}

/**
 * Names of the machines, by themselves or by their profiles, and of the profiles that a volume is
 * in.
 */
export interface VolumeUsers {
  readonly instances: readonly string[];
  readonly profiles: readonly string[];
}

/** The users of every volume at one moment, found in one pass. */
export function volumeUsers(
  deps: Pick<EngineDeps, 'store' | 'policy'>,
): (name: string) => VolumeUsers {
  const expand = expander(deps);
  const instances = listInstances(deps).map((record) => ({
    name: record.name,
    volumes: volumesIn(expand(record).devices, (name) => volumeFor(deps, record.name, name)),
  }));
  const profiles = deps.store.profiles.list().map(({ name, devices }) => ({
    name,
    volumes: volumesIn(devices, (volume) => volumeForProfile(deps, name, volume)),
  }));
  const namesIn = (all: typeof instances, volume: string): string[] =>
    all.filter(({ volumes }) => volumes.includes(volume)).map(({ name }) => name);
  return (volume) => ({
    instances: namesIn(instances, volume),
    profiles: namesIn(profiles, volume),
  });
}

/** Throws `in_use` for a volume that a machine or profile has among its devices. */
export function refuseUsedVolume(deps: Pick<EngineDeps, 'store' | 'policy'>, name: string): void {
  const { instances, profiles } = volumeUsers(deps)(name);
  const users = [...instances, ...profiles.map((profile) => `profile ${profile}`)];
  if (users.length > 0) throw new WarrenError('in_use', { kind: 'storage volume', name, users });
}
