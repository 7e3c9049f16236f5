import { constants } from 'node:os';

import { execute, type Control } from '../../client/exec.ts';
import { WarrenError } from '../../contract/errors.ts';
import { defineCommand, type OptionRows } from '../command.ts';
import { isNullInput } from '../input.ts';
import { parseAssignment, stripRemote } from '../names.ts';
import { UsageError } from '../usage-error.ts';

import type { Context } from '../context.ts';

const options = {
  user: {
    kind: 'text',
    alias: 'u',
    value: 'USER',
    summary: 'As this user, a name or an id (root)',
  },
  cwd: { kind: 'text', value: 'DIRECTORY', summary: 'In this directory (/root)' },
  env: { kind: 'list', alias: 'e', value: 'KEY=VALUE', summary: 'Set an environment variable' },
  group: { kind: 'text', alias: 'g', value: 'GROUP', summary: 'As this group, a name or an id' },
  'force-interactive': { kind: 'flag', alias: 't', summary: 'Give it a terminal' },
  'force-noninteractive': {
    kind: 'flag',
    alias: 'T',
    summary: 'Give it none, even from a terminal',
  },
  mode: {
    kind: 'text',
    value: 'MODE',
    choices: ['auto', 'interactive', 'non-interactive'],
    summary: 'auto, interactive or non-interactive',
  },
  'disable-stdin': { kind: 'flag', alias: 'n', summary: 'Give it an empty standard input' },
} as const satisfies OptionRows;

interface ExecArgs {
  readonly user: string | undefined;
  readonly group: string | undefined;
  readonly cwd: string | undefined;
  readonly env: readonly string[];
  readonly mode: string | undefined;
  readonly 'force-interactive': boolean;
  readonly 'force-noninteractive': boolean;
  readonly 'disable-stdin': boolean;
}

export const exec = defineCommand({
  name: 'exec',
  summary: 'Run a command in a machine',
  details:
    'Its exit code is the exit code of warren; 127 when the machine has no such command, 126 when it cannot be run, 128 + n when a signal ended it.',
  examples: [
    { line: 'warren exec web -- apt-get update', does: 'as root, in /root' },
    {
      line: 'warren exec web --cwd /srv -- sh -c "ls | wc -l"',
      does: 'with a shell of the machine',
    },
    { line: 'warren exec web -u www-data -e LANG=C -- id', does: 'as another user' },
  ],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'running-instance' },
    command: { kind: 'rest', summary: 'The command and its words' },
  },
  options,
  next: 'warren shell NAME',
  async run(context, args) {
    if (args.command.length === 0) {
      throw new UsageError(
        'Cannot run warren exec: COMMAND is missing',
        `warren shell ${args.instance}`,
      );
    }
    await runInside(context, stripRemote(args.instance), args.command, args);
    return undefined;
  },
});

/** Runs a command in a machine on our own streams and keeps its exit status. */
export async function runInside(
  context: Context,
  instance: string,
  command: readonly string[],
  args: ExecArgs,
): Promise<void> {
  const { terminal, env } = context;
  const interactive = isInteractive(context, args);
  const term = env['TERM'];
  const request = {
    command,
    interactive,
    environment: {
      ...(interactive && term !== undefined ? { TERM: term } : {}),
      ...Object.fromEntries(args.env.map(parseAssignment)),
    },
    ...(interactive ? terminal.size() : {}),
    ...(await idOf(context, instance, 'user', args.user)),
    ...(await idOf(context, instance, 'group', args.group)),
    ...(args.cwd === undefined ? {} : { cwd: args.cwd }),
  };
  const attach = (control: Control): (() => void) =>
    interactive ? terminal.followSize(control) : forwardSignals(context, control);
  const streams = {
    stdin: args['disable-stdin'] || isNullInput() ? undefined : context.stdin,
    stdout: () => context.stdout,
    stderr: () => context.stderr,
    attach,
  };
  const run = async (): Promise<Awaited<ReturnType<typeof execute>>> =>
    await execute(context.client, instance, request, streams);
  const { status, problem } = interactive ? await terminal.raw(run) : await run();
  if (problem !== undefined) context.stderr.write(`error: ${problem.message}\n`);
  context.exitCode = status;
}

/** Looks a name up in the machine's own accounts: the API takes ids only. */
async function idOf(
  { client }: Context,
  instance: string,
  kind: 'user' | 'group',
  word: string | undefined,
): Promise<Partial<Record<'user' | 'group', number>>> {
  if (word === undefined) return {};
  const { findAccount } = await import('../../client/accounts.ts');
  const id = /^\d+$/.test(word) ? Number(word) : await findAccount(client, instance, kind, word);
  if (id === undefined) {
    throw new WarrenError('not_found', { kind, name: word, owner: instance });
  }
  return { [kind]: id };
}

function isInteractive({ terminal }: Context, args: ExecArgs): boolean {
  if (args['force-interactive'] || args.mode === 'interactive') return true;
  if (args['force-noninteractive'] || args.mode === 'non-interactive') return false;
  return terminal.isInteractive && !args['disable-stdin'];
}

const forwarded = ['SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;

/** Without a terminal of its own the command cannot see ctrl-c: signals go to it as they are. */
function forwardSignals(context: Context, control: Control): () => void {
  const undoInterrupt = context.interrupts.override(() => {
    control.signal(constants.signals.SIGINT);
  });
  const handlers = forwarded.map((name) => {
    const send = (): void => {
      control.signal(constants.signals[name]);
    };
    process.on(name, send);
    return () => process.off(name, send);
  });
  return () => {
    undoInterrupt();
    for (const off of handlers) off();
  };
}
