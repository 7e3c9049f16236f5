import { apiPath } from '../../client/client.ts';
import { isWarrenError } from '../../contract/errors.ts';
import { formatRunning, stateWord, waitForBoot } from '../boot.ts';
import { defineCommand, type OptionRows, type Positionals } from '../command.ts';
import { stripRemote } from '../names.ts';
import { forEachName } from '../together.ts';
import { UsageError } from '../usage-error.ts';
import { warnOf } from '../warnings.ts';

import type { Context } from '../context.ts';
import type { Look } from '../render/look.ts';
import type { Instance, InstanceState, InstanceStatePut } from '../../contract/api/instances.ts';

const all = { kind: 'flag', summary: 'Every machine that is in the right state' } as const;
const timeout = {
  kind: 'number',
  value: 'SECONDS',
  summary: 'Give up after this long',
} as const;
const force = { kind: 'flag', alias: 'f', summary: 'At once, without asking its init' } as const;

function instances(complete: 'running-instance' | 'stopped-instance'): Positionals {
  return { instances: { kind: 'many', summary: 'Names of machines', complete } };
}

interface StateArgs {
  readonly instances: readonly string[];
  readonly all: boolean;
}

/** The machines that are meant: those named, or with --all those for which `fits`. */
async function chosen(
  { client }: Context,
  verb: string,
  { instances: names, all: every }: StateArgs,
  fits: (instance: Instance) => boolean,
): Promise<readonly string[]> {
  if (every) {
    const list = await client.get<Instance[]>('/1.0/instances', { recursion: 1 });
    return list.filter(fits).map(({ name }) => name);
  }
  if (names.length === 0) {
    throw new UsageError(
      `Cannot run warren ${verb}: INSTANCE is missing`,
      `warren ${verb} INSTANCE…    (or --all)`,
    );
  }
  return names.map(stripRemote);
}

async function change(context: Context, name: string, request: InstanceStatePut): Promise<void> {
  const path = apiPath('instances', name, 'state');
  warnOf(context, await context.client.operate('PUT', path, { stateful: false, ...request }));
}

interface Changed {
  readonly name: string;
  readonly state: InstanceState;
}

async function readState(context: Context, name: string): Promise<Changed> {
  const path = apiPath('instances', name, 'state');
  return { name, state: await context.client.get<InstanceState>(path, { disk: 'last' }) };
}

/** One line per machine that says what is true now, once the work was long enough to be seen. */
function leave(context: Context, changed: readonly Changed[]): void {
  context.progress.stop(
    changed.map(({ name, state }) => `${name} is ${stateWord(state)}`).join('\n'),
  );
}

/** `start` and `restart` end with a machine that runs; the others with the word for its state. */
function command(input: {
  readonly name: 'stop' | 'pause' | 'resume';
  readonly summary: string;
  readonly title: string;
  readonly does: string;
  readonly next: string;
  readonly complete: 'running-instance' | 'stopped-instance';
  readonly options: OptionRows;
  readonly fits: (instance: Instance) => boolean;
  readonly request: (args: { force?: boolean; timeout?: number | undefined }) => InstanceStatePut;
}) {
  return defineCommand({
    name: input.name,
    summary: input.summary,
    examples: [{ line: `warren ${input.name} web`, does: input.does }],
    positionals: instances(input.complete),
    options: { ...input.options, all },
    next: input.next,
    async run(context, args) {
      const names = await chosen(context, input.name, args as unknown as StateArgs, input.fits);
      context.progress.start(`${input.title} ${names.join(', ')}`);
      const changed = await forEachName(names, async (name) => {
        await change(context, name, input.request(args as { force?: boolean }));
        return name;
      });
      const states = await Promise.all(
        changed.map((name) => readState(context, name).catch(() => undefined)),
      );
      leave(
        context,
        states.filter((state) => state !== undefined),
      );
      return undefined;
    },
  });
}

export const stop = command({
  name: 'stop',
  summary: 'Shut machines down',
  title: 'Stopping',
  does: 'asks its init to shut down and waits',
  next: 'warren start NAME',
  complete: 'running-instance',
  options: { force, timeout },
  fits: ({ status }) => status !== 'Stopped',
  request: ({ force: now = false, timeout: seconds }) => ({
    action: 'stop',
    timeout: now ? 0 : (seconds ?? -1),
    force: now,
  }),
});

export const pause = command({
  name: 'pause',
  summary: 'Freeze machines where they are',
  title: 'Freezing',
  does: 'nothing in it runs until it is resumed',
  next: 'warren resume NAME',
  complete: 'running-instance',
  options: {},
  fits: ({ status }) => status === 'Running',
  request: () => ({ action: 'freeze', timeout: 0, force: false }),
});

export const resume = command({
  name: 'resume',
  summary: 'Let frozen machines run on',
  title: 'Resuming',
  does: 'it goes on where it was',
  next: 'warren list',
  complete: 'running-instance',
  options: {},
  fits: ({ status }) => status === 'Frozen',
  request: () => ({ action: 'unfreeze', timeout: 0, force: false }),
});

const noWait = { kind: 'flag', summary: 'Return before it is booted' } as const;

function renderRunning(data: readonly Changed[], look: Look): { text: string } {
  return {
    text: data
      .map(({ name, state }) =>
        state.status === 'Running'
          ? formatRunning(name, state, look)
          : `${name} is ${stateWord(state)}`,
      )
      .join('\n'),
  };
}

async function bootAll(
  context: Context,
  names: readonly string[],
  waits: boolean,
  begin: (name: string) => Promise<void>,
): Promise<readonly Changed[]> {
  return await forEachName(names, async (name) => {
    // What devices it has does not change by being started.
    const reading = context.client.get<Instance>(apiPath('instances', name));
    const [instance] = await Promise.all([reading, begin(name)]);
    return waits
      ? { name, state: await waitForBoot(context, instance) }
      : await readState(context, name);
  });
}

/** A frozen machine goes on where it was, as with `lxc start`. */
async function startOrThaw(context: Context, name: string): Promise<void> {
  try {
    await change(context, name, { action: 'start', timeout: 0, force: false });
  } catch (error) {
    if (!isWarrenError(error, 'wrong_state')) throw error;
    const { status } = await context.client.get<Instance>(apiPath('instances', name));
    if (status !== 'Frozen') throw error;
    await change(context, name, { action: 'unfreeze', timeout: 0, force: false });
  }
}

export const start = defineCommand({
  name: 'start',
  summary: 'Start machines',
  examples: [
    { line: 'warren start web', does: 'starts it and waits until it is booted' },
    { line: 'warren start --all', does: 'all that are stopped' },
  ],
  positionals: instances('stopped-instance'),
  options: { all, 'no-wait': noWait },
  next: 'warren shell NAME',
  async run(context, args) {
    const names = await chosen(
      context,
      'start',
      args as unknown as StateArgs,
      ({ status }) => status !== 'Running',
    );
    context.progress.start(`Starting ${names.join(', ')}`);
    return await bootAll(context, names, !args['no-wait'], (name) => startOrThaw(context, name));
  },
  render: renderRunning,
});

export const restart = defineCommand({
  name: 'restart',
  summary: 'Shut machines down and start them again',
  examples: [{ line: 'warren restart web', does: 'waits until it is booted again' }],
  positionals: instances('running-instance'),
  options: { force, timeout, all, 'no-wait': noWait },
  next: 'warren shell NAME',
  async run(context, args) {
    const names = await chosen(
      context,
      'restart',
      args as unknown as StateArgs,
      ({ status }) => status === 'Running',
    );
    context.progress.start(`Restarting ${names.join(', ')}`);
    const request = {
      action: 'restart',
      timeout: args.force ? 0 : (args.timeout ?? -1),
      force: args.force,
    } as const;
    return await bootAll(context, names, !args['no-wait'], (name) =>
      change(context, name, request),
    );
  },
  render: renderRunning,
});
