import { WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { configGroup, profileGroup } from '../groups.ts';
import { keyedPath, updateObject, type KeyedGroup } from '../keyed.ts';
import { stripRemote } from '../names.ts';
import { UsageError } from '../usage-error.ts';
import { parseVolumeRef, poolWord, volumeWord } from '../volumes.ts';

import type { AnyCommand } from '../command.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';

interface Owner {
  readonly devices: DeviceMap;
}

function nameOf(group: KeyedGroup, verb: 'attach' | 'detach'): string {
  return `storage volume ${verb}${group.group === 'profile' ? '-profile' : ''}`;
}

function attachTo(group: KeyedGroup): AnyCommand {
  const name = nameOf(group, 'attach');
  const example = `warren ${name} default data ${group.example.name}`;
  return defineCommand({
    name,
    summary: `Show a volume at a path of ${group.a}, also of one that runs`,
    examples: [
      { line: `${example} /srv/data`, does: 'the device is named after the volume' },
      { line: `${example} files /srv/data`, does: 'as device "files"' },
    ],
    positionals: {
      pool: poolWord,
      volume: volumeWord,
      owner: { kind: 'required', summary: `Name of the ${group.noun}`, complete: group.complete },
      place: { kind: 'some', summary: '[DEVICE] /PATH' },
    },
    options: {},
    next: 'warren storage volume info POOL VOLUME',
    async run(context, { pool, volume, owner, place }) {
      const path = place.at(-1) ?? '';
      const device = place.length > 1 ? (place[0] ?? '') : parseVolumeRef(volume).volume;
      if (place.length > 2 || !path.startsWith('/')) {
        throw new UsageError(`Cannot attach ${volume}: wanted [DEVICE] and an absolute path`);
      }
      const keys = { type: 'disk', pool: stripRemote(pool), source: volume, path };
      await updateObject<Owner>(context, keyedPath(group, owner), group.writable, ({ devices }) => {
        if (device in devices) throw new WarrenError('exists', { kind: 'device', name: device });
        return { devices: { ...devices, [device]: keys } };
      });
      return undefined;
    },
  });
}

function detachFrom(group: KeyedGroup): AnyCommand {
  const name = nameOf(group, 'detach');
  const example = `warren ${name} default data ${group.example.name}`;
  return defineCommand({
    name,
    summary: `Take a volume away from ${group.a}, also from one that runs`,
    examples: [{ line: example, does: 'the files stay in the volume' }],
    positionals: {
      pool: poolWord,
      volume: volumeWord,
      owner: { kind: 'required', summary: `Name of the ${group.noun}`, complete: group.complete },
      device: { kind: 'optional', summary: 'Name of the device, when there are several' },
    },
    options: {},
    next: 'warren storage volume list',
    async run(context, { pool, volume, owner, device }) {
      const isIt = (keys: StringMap): boolean =>
        keys['type'] === 'disk' && keys['pool'] === stripRemote(pool) && keys['source'] === volume;
      await updateObject<Owner>(context, keyedPath(group, owner), group.writable, ({ devices }) => {
        const found = Object.entries(devices)
          .filter(([each, keys]) => isIt(keys) && (device === undefined || each === device))
          .map(([each]) => each);
        if (found.length > 1) {
          throw new UsageError(
            `Cannot detach ${volume} from ${owner}: it is there as ${found.join(' and ')}`,
          );
        }
        if (found[0] === undefined) {
          throw new WarrenError('not_found', {
            kind: `device of ${owner} with volume`,
            name: volume,
          });
        }
        const entries = Object.entries(devices).filter(([each]) => each !== found[0]);
        return { devices: Object.fromEntries(entries) };
      });
      return undefined;
    },
  });
}

export const attach = attachTo(configGroup);
export const attachProfile = attachTo(profileGroup);
export const detach = detachFrom(configGroup);
export const detachProfile = detachFrom(profileGroup);
