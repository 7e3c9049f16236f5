import { apiPath } from '../../client/client.ts';
import { WarrenError } from '../../contract/errors.ts';
import { formatRunning, waitForBoot } from '../boot.ts';
import { inProject } from '../command-line.ts';
import { defineCommand } from '../command.ts';
import { createInstance, creationOptions, type CreationArgs } from '../create-instance.ts';
import { CtrlC } from '../ctrl-c.ts';
import { deleteMachine } from '../delete-machine.ts';
import { warnOf } from '../warnings.ts';

import type { Context } from '../context.ts';
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
    using ctrlC = new CtrlC(context);
    const instance = await startNew(context, ctrlC, args);
    const { name } = instance;
    const state = args['no-wait']
      ? context.client.get<InstanceState>(apiPath('instances', name, 'state'))
      : waitForBoot(context, instance);
    // Ctrl-c from here on leaves the machine alone: it boots by itself, and a person may want to
    // look.
    const left = ctrlC.asked.then(() => {
      const either = proposeTwo(context, `console ${name}`, `delete -f ${name}`);
      context.warn(`${name} is there, running: ${either}`);
      throw new WarrenError('cancelled', { what: `Waiting for ${name}` });
    });
    return { ...instance, state: await Promise.race([state, left]) };
  },
  render: ({ name, state }, look) => ({ text: formatRunning(name, state, look) }),
});

/** Creates and starts a machine; after ctrl-c there is none. */
async function startNew(
  context: Context,
  ctrlC: CtrlC,
  args: CreationArgs & { readonly image: string; readonly name: string | undefined },
): Promise<Instance> {
  const { client, progress } = context;
  progress.start(`Creating ${args.name ?? `a ${args.image}`}`);
  const name = await createInstance(context, args.image, args.name, args);
  const path = apiPath('instances', name);
  const request = { action: 'start', timeout: -1, force: false, stateful: false };
  try {
    ctrlC.check();
    progress.start(`Starting ${name}`);
    warnOf(context, await client.operate('PUT', `${path}/state`, request));
    ctrlC.check();
  } catch (error) {
    ctrlC.leaveAlone();
    if (ctrlC.isAsked) {
      await deleteMachine(client, await client.get<Instance>(path));
      throw new WarrenError('cancelled', { what: `Launching ${name}` }, { cause: error });
    }
    const either = proposeTwo(context, `start ${name}`, `delete ${name}`);
    context.warn(`${name} is there, stopped: ${either}`);
    throw error;
  }
  ctrlC.leaveAlone();
  return await client.get<Instance>(path);
}

function proposeTwo({ project }: Context, one: string, other: string): string {
  return `${inProject(project, `warren ${one}`)}, or ${inProject(project, `warren ${other}`)}`;
}
