import { apiPath } from '../../client/client.ts';
import { formatRunning, waitForBoot } from '../boot.ts';
import { defineCommand } from '../command.ts';
import { createInstance, creationOptions } from '../create-instance.ts';
import { warnOf } from '../warnings.ts';

import type { Instance, InstanceState } from '../../contract/api/instances.ts';

export const launch = defineCommand({
  name: 'launch',
  summary: 'Create a machine from an image and start it',
  details:
    'The first launch of a Debian or Ubuntu image builds it, which takes a moment; every later one is instant.',
  examples: [
    { line: 'warren launch debian/12 web', does: 'a running Debian named web' },
    { line: 'warren launch debian/12 ci -e -c limits.memory=1GiB', does: 'gone when it stops' },
    { line: 'warren launch debian/12 box -p default -p nesting', does: 'Docker may run inside' },
  ],
  positionals: {
    image: { kind: 'required', summary: 'Image alias or fingerprint', complete: 'image' },
    name: { kind: 'optional', summary: 'Name; without one, warren chooses' },
  },
  options: {
    ...creationOptions,
    'no-wait': { kind: 'flag', summary: 'Return when it is started, before it is booted' },
  },
  next: 'warren shell NAME',
  async run(context, args) {
    const { client, progress } = context;
    progress.start(`Creating ${args.name ?? `a ${args.image}`}`);
    const name = await createInstance(context, args.image, args.name, args);
    const path = apiPath('instances', name);
    progress.start(`Starting ${name}`);
    const request = { action: 'start', timeout: -1, force: false, stateful: false };
    try {
      warnOf(context, await client.operate('PUT', `${path}/state`, request));
    } catch (error) {
      context.warn(`${name} is there, stopped: warren start ${name}, or warren delete ${name}`);
      throw error;
    }
    const instance = await client.get<Instance>(path);
    if (args['no-wait'])
      return { ...instance, state: await client.get<InstanceState>(`${path}/state`) };
    return { ...instance, state: await waitForBoot(context, instance) };
  },
  render: ({ name, state }, look) => ({ text: formatRunning(name, state, look) }),
});
