import { attachDevice, detachDevice, type Attached } from '../attached.ts';
import { defineCommand } from '../command.ts';
import { configGroup, profileGroup } from '../groups.ts';
import { ownerWord, type KeyedGroup } from '../keyed.ts';
import { stripRemote } from '../names.ts';

import type { AnyCommand } from '../command.ts';
import type { StringMap } from '../../contract/api/instances.ts';

const network = { kind: 'required', summary: 'Name of the network', complete: 'network' } as const;

function nameOf(group: KeyedGroup, verb: 'attach' | 'detach'): string {
  return `network ${verb}${group.group === 'profile' ? '-profile' : ''}`;
}

function attachTo(group: KeyedGroup): AnyCommand {
  const name = nameOf(group, 'attach');
  const example = `warren ${name} lab ${group.example.name}`;
  return defineCommand({
    name,
    summary: `Put ${group.a} on one more network, also one that runs`,
    examples: [
      { line: example, does: 'the device is named after the network' },
      { line: `${example} second eth1`, does: 'as device "second", inside as eth1' },
    ],
    positionals: {
      network,
      owner: ownerWord(group),
      device: { kind: 'optional', summary: 'Name of the device' },
      interface: { kind: 'optional', summary: 'Name of the interface inside' },
    },
    options: {},
    next: 'warren network info NETWORK',
    async run(context, { network: given, owner, device, interface: inside }) {
      const bridge = stripRemote(given);
      const keys = {
        type: 'nic',
        network: bridge,
        ...(inside === undefined ? {} : { name: inside }),
      };
      await attachDevice(context, group, owner, device ?? bridge, keys);
      return undefined;
    },
  });
}

function detachFrom(group: KeyedGroup): AnyCommand {
  const name = nameOf(group, 'detach');
  return defineCommand({
    name,
    summary: `Take ${group.a} off a network, also one that runs`,
    examples: [
      { line: `warren ${name} lab ${group.example.name}`, does: 'what is connected breaks off' },
    ],
    positionals: {
      network,
      owner: ownerWord(group),
      device: {
        kind: 'optional',
        summary: 'Name of the device, when there are several',
        complete: 'attached-device',
      },
    },
    options: {},
    next: 'warren network list',
    async run(context, { network: given, owner, device }) {
      const bridge = stripRemote(given);
      const attached: Attached = {
        kind: 'network',
        name: bridge,
        isIt: (keys) => keys['type'] === 'nic' && bridgeOf(keys) === bridge,
      };
      await detachDevice(context, group, owner, attached, device);
      return undefined;
    },
  });
}

/** The network of a nic, in either of LXD's spellings. */
function bridgeOf(keys: StringMap): string | undefined {
  return keys['network'] ?? keys['parent'];
}

export const attach = attachTo(configGroup);
export const attachProfile = attachTo(profileGroup);
export const detach = detachFrom(configGroup);
export const detachProfile = detachFrom(profileGroup);
