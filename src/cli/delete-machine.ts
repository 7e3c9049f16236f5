import { apiPath, withQuery, type Client } from '../client/client.ts';

import type { Instance } from '../contract/api/instances.ts';

/** Deletes a machine with its snapshots, whatever it is doing, and whoever protects it. */
export async function deleteMachine(
  client: Client,
  { name, project }: Pick<Instance, 'name' | 'project'>,
): Promise<void> {
  const path = (...rest: readonly string[]): string =>
    withQuery(apiPath('instances', name, ...rest), { project });
  const value = await client.get<Instance>(path());
  if (value.status !== 'Stopped') {
    await client.operate('PUT', path('state'), { action: 'stop', timeout: 0, force: true });
    if (value.ephemeral) return;
  }
  const key = 'security.protection.delete';
  if (value.expanded_config[key] !== undefined) {
    await client.operate('PATCH', path(), { config: { [key]: 'false' } });
  }
  await client.operate('DELETE', path());
}
