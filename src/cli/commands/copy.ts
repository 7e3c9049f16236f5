import { apiPath, withQuery } from '../../client/client.ts';
import { defineCommand } from '../command.ts';
import {
  parseAssignment,
  refuseRecords,
  parseDeviceOptions,
  parseInstanceRef,
  refPath,
  stripRemote,
} from '../names.ts';
import { creationOptions } from '../create-instance.ts';
import { frozenNote } from '../render/frozen.ts';

import type { Instance, StringMap } from '../../contract/api/instances.ts';

const { config, device, profile, ephemeral, 'no-profiles': noProfiles } = creationOptions;

export const copy = defineCommand({
  name: 'copy',
  summary: 'Copy a machine, or make one of a snapshot',
  examples: [
    { line: 'warren copy web web2', does: 'with its snapshots' },
    { line: 'warren copy web/before-upgrade trial', does: 'a machine as the snapshot has it' },
  ],
  positionals: {
    source: { kind: 'required', summary: 'INSTANCE or INSTANCE/SNAPSHOT', complete: 'instance' },
    name: { kind: 'required', summary: 'Name of the copy' },
  },
  options: {
    config,
    device,
    'instance-only': { kind: 'flag', summary: 'Without its snapshots' },
    profile,
    'no-profiles': noProfiles,
    ephemeral,
    'target-project': {
      kind: 'text',
      value: 'NAME',
      summary: 'Into this project',
      complete: 'project',
    },
    refresh: { kind: 'flag', summary: 'Bring an older copy up to date' },
  },
  next: 'warren start NAME',
  async run({ client, progress }, args) {
    const { instance, snapshot } = parseInstanceRef(args.source);
    const name = stripRemote(args.name);
    const source = await client.get<Instance>(refPath({ instance, snapshot }));
    const devices: Record<string, StringMap> = { ...source.devices };
    for (const [key, values] of parseDeviceOptions(args.device)) {
      devices[key] = { ...(devices[key] ?? source.expanded_devices[key]), ...values };
    }
    progress.start(`Copying ${args.source} to ${name}`);
    const path = withQuery(apiPath('instances'), { project: args['target-project'] });
    const { metadata } = await client.operate('POST', path, {
      name,
      architecture: source.architecture,
      config: {
        ...portable(source.config),
        ...refuseRecords(Object.fromEntries(args.config.map(parseAssignment))),
      },
      devices,
      profiles: args['no-profiles'] ? [] : args.profile.length > 0 ? args.profile : source.profiles,
      ephemeral: args.ephemeral,
      description: (source as Partial<Instance>).description ?? '',
      source: {
        type: 'copy',
        project: client.transport.project,
        source: snapshot === undefined ? instance : `${instance}/${snapshot}`,
        instance_only: args['instance-only'],
        refresh: args.refresh,
      },
    });
    const frozenMs = metadata['frozen_ms'] ?? null;
    progress.stop(frozenMs === null ? `${name} is a copy of ${args.source}` : undefined);
    return { name, frozen_ms: frozenMs };
  },
  // Silent, unless the machine stood still for it.
  render: ({ name, frozen_ms: frozenMs }, _look, args) =>
    frozenMs === null
      ? undefined
      : { text: `${name} is a copy of ${args.source}${frozenNote(frozenMs, ', ')}` },
});

/** `volatile.*` belongs to one machine, all but the image it came from. */
function portable(values: StringMap): StringMap {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([key]) => !key.startsWith('volatile.') || key.startsWith('volatile.base_image'),
    ),
  );
}
