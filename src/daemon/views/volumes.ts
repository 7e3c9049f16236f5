import { nameWithout, ownNameOf, projectOf, projectWith } from '../../base/names.ts';
import type { StorageVolume, VolumeSnapshot } from '../../contract/api/storage-pools.ts';
import type { ImageRecord, InstanceRecord, VolumeRecord } from '../../engine/types.ts';
import type { VolumeUsers } from '../../engine/volumes/list.ts';
import { timeOf } from '../../contract/api/times.ts';
import { imageUrl, instanceUrl, profileUrl, withProject } from './urls.ts';

export const poolsUrl = '/1.0/storage-pools';

/** Of a custom volume, or of what follows it there; `default` is the one pool. */
export function volumeUrl(volume: string, rest = ''): string {
  const path = `${poolsUrl}/default/volumes/custom/${encodeURIComponent(nameWithout(volume))}${rest}`;
  return withProject(path, projectWith(volume));
}

const common = { content_type: 'filesystem', location: 'none', project: 'default' } as const;

export function volumeView(
  { name, description, createdAtMs, config }: VolumeRecord,
  { instances, profiles }: VolumeUsers,
): StorageVolume {
  return {
    ...common,
    name: nameWithout(name),
    project: projectWith(name),
    type: 'custom',
    description,
    created_at: timeOf(createdAtMs),
    config,
    used_by: [...instances.map((user) => instanceUrl(user)), ...profiles.map(profileUrl)],
  };
}

/** As lists of volumes have it, among them: `data/snap0`. */
export function snapshotAsVolumeView(parent: string, snapshot: VolumeRecord): StorageVolume {
  const view = volumeView(snapshot, { instances: [], profiles: [] });
  return {
    ...view,
    name: `${nameWithout(parent)}/${snapshot.name}`,
    project: projectWith(parent),
  };
}

export function volumeSnapshotView({
  name,
  description,
  createdAtMs,
  expiresAtMs,
  config,
}: VolumeRecord): VolumeSnapshot {
  return {
    name,
    description,
    config,
    content_type: 'filesystem',
    created_at: timeOf(createdAtMs),
    expires_at: timeOf(expiresAtMs),
  };
}

/**
 * The same as an element of a list: for what never expires LXD says null there, and its client
 * shows nothing.
 */
export function listedVolumeSnapshotView(record: VolumeRecord): VolumeSnapshot {
  const view = volumeSnapshotView(record);
  return record.expiresAtMs === undefined ? { ...view, expires_at: null } : view;
}

/** The root disk of a machine, which is no volume to be changed by itself. */
export function instanceVolumeView({ name, createdAtMs }: InstanceRecord): StorageVolume {
  return {
    ...common,
    name: ownNameOf(name),
    project: projectOf(name),
    type: 'container',
    description: '',
    created_at: timeOf(createdAtMs),
    config: {},
    used_by: [instanceUrl(name)],
  };
}

/** An image, which LXD keeps as a volume too. */
export function imageVolumeView(image: ImageRecord): StorageVolume {
  return {
    ...common,
    name: image.fingerprint,
    type: 'image',
    description: '',
    created_at: timeOf(image.createdAtMs),
    config: {},
    used_by: [imageUrl(image)],
  };
}
