import { attachDevice, detachDevice, type Attached } from '../attached.ts';
import { defineCommand } from '../command.ts';
import { configGroup, profileGroup } from '../groups.ts';
import { ownerWord, type KeyedGroup } from '../keyed.ts';
import { stripRemote } from '../names.ts';
import { UsageError } from '../usage-error.ts';
import { parseVolumeRef, poolWord, volumeWord } from '../volumes.ts';

import type { AnyCommand } from '../command.ts';

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
      owner: ownerWord(group),
      place: { kind: 'some', label: '[DEVICE] /PATH', summary: 'Name of the device, and where' },
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
      await attachDevice(context, group, owner, device, keys);
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
      owner: ownerWord(group),
      device: {
        kind: 'optional',
        summary: 'Name of the device, when there are several',
        complete: 'attached-device',
      },
    },
    options: {},
    next: 'warren storage volume list',
    async run(context, { pool, volume, owner, device }) {
      const attached: Attached = {
        kind: 'volume',
        name: volume,
        isIt: (keys) =>
          keys['type'] === 'disk' &&
          keys['pool'] === stripRemote(pool) &&
          keys['source'] === volume,
      };
      await detachDevice(context, group, owner, attached, device);
      return undefined;
    },
  });
}

export const attach = attachTo(configGroup);
export const attachProfile = attachTo(profileGroup);
export const detach = detachFrom(configGroup);
export const detachProfile = detachFrom(profileGroup);
