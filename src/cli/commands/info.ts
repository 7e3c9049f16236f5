import { readText } from '../../client/transport.ts';
import { defineCommand } from '../command.ts';
import { parseInstanceRef, refPath } from '../names.ts';
import { formatInstance } from '../render/instance-info.ts';
import { formatLogLine } from '../render/log-line.ts';
import { formatServer } from '../render/server-info.ts';
import { formatSnapshot } from '../render/snapshot-info.ts';

import type { InstanceFull, InstanceSnapshot } from '../../contract/api/instances.ts';
import type { Server } from '../../contract/api/server.ts';

export const info = defineCommand({
  name: 'info',
  summary: 'Everything about one machine, a snapshot or warren itself, on one screen',
  examples: [
    { line: 'warren info web', does: 'state, address, limits, storage, snapshots' },
    { line: 'warren info web/before-upgrade', does: 'when it was taken, what it holds' },
    { line: 'warren info', does: 'version, drivers and tiers of warren on this host' },
  ],
  positionals: {
    instance: {
      kind: 'optional',
      label: 'INSTANCE[/SNAPSHOT]',
      summary: 'Name of the machine, or of a snapshot of it',
      complete: 'instance',
    },
  },
  options: {
    'show-log': { kind: 'flag', summary: 'With the log of its last start' },
    resources: { kind: 'flag', summary: 'What the host has' },
  },
  next: 'warren config show NAME',
  async run(context, args): Promise<unknown> {
    const { client } = context;
    if (args.instance === undefined) {
      return await client.get(args.resources ? '/1.0/resources' : '/1.0');
    }
    const ref = parseInstanceRef(args.instance);
    const path = refPath(ref);
    if (ref.snapshot !== undefined) return await client.get<InstanceSnapshot>(path);
    const instance = await client.get<InstanceFull>(path, { recursion: 1 });
    if (args['show-log']) {
      const { body } = await client.download(`${path}/logs/lxc.log`);
      const lines = (await readText(body)).trimEnd().split('\n');
      context.stderr.write(lines.map((line) => `${formatLogLine(line)}\n`).join(''));
    }
    return instance;
  },
  render(data, look, args) {
    if (args.instance === undefined) {
      return args.resources
        ? { text: JSON.stringify(data, null, 2) }
        : { text: formatServer(data as Server, look) };
    }
    const { instance, snapshot } = parseInstanceRef(args.instance);
    return {
      text:
        snapshot === undefined
          ? formatInstance(data as InstanceFull, look)
          : formatSnapshot(instance, data as InstanceSnapshot, look),
    };
  },
});
