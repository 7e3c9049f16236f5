import { apiPath } from '../../client/client.ts';
import { noTime } from '../../contract/api/times.ts';
import { isWarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { parseInstanceRef, parseSnapshotRef } from '../names.ts';
import { frozenNote } from '../render/frozen.ts';

import type { InstanceSnapshotsPost } from '../../contract/api/instances.ts';

export const snapshot = defineCommand({
  name: 'snapshot',
  summary: 'Keep the present state of a machine',
  details:
    'Also there are snapshot list, show, rename, restore and delete; for a machine of such a name, snapshot create.',
  examples: [
    { line: 'warren snapshot web before-upgrade', does: 'restore it any time later' },
    { line: 'warren snapshot web', does: 'named snap0, snap1, …' },
  ],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'instance' },
    name: { kind: 'optional', summary: 'Name of the snapshot' },
  },
  options: {
    'no-expiry': { kind: 'flag', summary: 'Keep it whatever snapshots.expiry says' },
    reuse: { kind: 'flag', summary: 'Replace a snapshot of that name' },
  },
  next: 'warren restore NAME SNAPSHOT',
  async run({ client, progress }, args) {
    const { instance, snapshot: wanted } = refOf(args);
    progress.start(`Taking a snapshot of ${instance}`);
    if (args.reuse && wanted !== undefined) {
      try {
        await client.operate('DELETE', apiPath('instances', instance, 'snapshots', wanted));
      } catch (error) {
        if (!isWarrenError(error, 'not_found')) throw error;
      }
    }
    const { metadata } = await client.operate('POST', apiPath('instances', instance, 'snapshots'), {
      name: wanted ?? '',
      stateful: false,
      expires_at: args['no-expiry'] ? noTime : null,
    } satisfies InstanceSnapshotsPost);
    progress.stop();
    return { snapshot: String(metadata['snapshot']), frozen_ms: metadata['frozen_ms'] ?? null };
  },
  // Silent, unless the name is the server's choice or the machine stood still.
  render: ({ snapshot: name, frozen_ms: frozenMs }, _look, args) => {
    const { instance, snapshot: wanted } = refOf(args);
    return wanted !== undefined && frozenMs === null
      ? undefined
      : { text: `${instance}/${name} is taken${frozenNote(frozenMs, ', ')}` };
  },
});

/** `web before-upgrade` or `web/before-upgrade`; a name is not needed. */
function refOf(args: { readonly instance: string; readonly name: string | undefined }) {
  return parseInstanceRef(
    args.name === undefined ? args.instance : `${args.instance}/${args.name}`,
  );
}

export const restore = defineCommand({
  name: 'restore',
  summary: 'Bring a machine back to a snapshot',
  examples: [
    { line: 'warren restore web before-upgrade', does: 'what came after is gone' },
    { line: 'warren restore web/before-upgrade', does: 'the same' },
  ],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'instance' },
    snapshot: { kind: 'optional', summary: 'Name of the snapshot', complete: 'snapshot' },
  },
  options: {},
  next: 'warren start NAME',
  async run({ client, progress }, args) {
    const { instance, snapshot: name } = parseSnapshotRef(args.instance, args.snapshot);
    progress.start(`Restoring ${instance}`);
    const body = { restore: `${instance}/${name}`, stateful: false };
    const { metadata } = await client.operate('PUT', apiPath('instances', instance), body);
    const restarted = metadata['restarted'] === true;
    progress.stop(restarted ? undefined : `${instance} is as it was at ${name}`);
    return { instance, snapshot: name, restarted };
  },
  // A restart is said: sessions in the machine were lost by it.
  render: ({ instance, snapshot: name, restarted }) =>
    restarted
      ? { text: `${instance} is as it was at ${name}, and was restarted for it` }
      : undefined,
});
