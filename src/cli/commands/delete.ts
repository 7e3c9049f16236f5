import { apiPath } from '../../client/client.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { parseInstanceRef } from '../names.ts';
import { forEachName } from '../together.ts';

import type { Context } from '../context.ts';
import type { Instance } from '../../contract/api/instances.ts';

export const deleteInstance = defineCommand({
  name: 'delete',
  summary: 'Delete machines or snapshots for good',
  examples: [
    { line: 'warren delete web', does: 'a stopped machine and its snapshots' },
    { line: 'warren delete web --force', does: 'also when it runs' },
    { line: 'warren delete web/before-upgrade', does: 'one snapshot of it' },
  ],
  positionals: {
    instances: { kind: 'some', summary: 'INSTANCE or INSTANCE/SNAPSHOT', complete: 'instance' },
  },
  options: { force: { kind: 'flag', alias: 'f', summary: 'Stop a running machine first' } },
  next: 'warren list',
  async run(context, args) {
    context.progress.start(`Deleting ${args.instances.join(', ')}`);
    await forEachName(args.instances, (word) => deleteOne(context, word, args.force));
    context.progress.stop(args.instances.map((word) => `${word} is deleted`).join('\n'));
    return undefined;
  },
});

async function deleteOne({ client }: Context, word: string, force: boolean): Promise<void> {
  const { instance: name, snapshot } = parseInstanceRef(word);
  if (snapshot !== undefined) {
    await client.operate('DELETE', apiPath('instances', name, 'snapshots', snapshot));
    return;
  }
  const path = apiPath('instances', name);
  // A protected machine is refused here, before anything is stopped.
  try {
    await client.operate('DELETE', path);
    return;
  } catch (error) {
    if (!isWarrenError(error, 'wrong_state')) throw error;
  }
  const instance = await client.get<Instance>(path);
  if (!force) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'delete',
      state: instance.status.toLowerCase(),
      wanted: 'stopped or --force',
      hint: `warren delete ${name} --force`,
    });
  }
  await client.operate('PUT', `${path}/state`, { action: 'stop', timeout: 0, force: true });
  if (!instance.ephemeral) await client.operate('DELETE', path);
}
