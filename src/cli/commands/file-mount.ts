import { stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

import { openSftp } from '../../client/sftp.ts';
import { WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { quoteWords } from '../command-line.ts';
import { stripRemote } from '../names.ts';
import { UsageError } from '../usage-error.ts';

import type { Duplex } from 'node:stream';
import type { Context } from '../context.ts';

export const mount = defineCommand({
  name: 'file mount',
  summary: 'Show the files of a machine in a directory here, until ctrl-c',
  details:
    'Needs sshfs on this host. It shows the root disk, without what is mounted in a running machine. ' +
    'A stopped machine cannot start meanwhile: that ends the mount.',
  examples: [
    { line: 'warren file mount web/srv ./srv', does: 'a directory of a machine' },
    { line: 'warren file mount web ./web', does: 'all of it' },
  ],
  positionals: {
    source: { kind: 'required', summary: 'INSTANCE or INSTANCE/PATH', complete: 'instance-path' },
    target: { kind: 'required', summary: 'An empty directory here', complete: 'file' },
  },
  options: {},
  next: 'warren file pull NAME/PATH FILE',
  async run(context, { source, target }) {
    const word = stripRemote(source);
    const [instance = ''] = word.split('/');
    const path = word.slice(instance.length) || '/';
    await checkTarget(target);
    const stream = await openSftp(context.client, instance);
    await runSshfs(context, stream, { source: `${instance}:${path}`, target });
    return undefined;
  },
});

/** What sshfs would say of it in words of its own. */
async function checkTarget(target: string): Promise<void> {
  const found = await stat(target).catch(() => undefined);
  if (found?.isDirectory() === true) return;
  throw new UsageError(
    `Cannot mount at ${target}: ${found === undefined ? 'there is no such directory' : 'it is no directory'}`,
    found === undefined ? `mkdir -p ${quoteWords([target])}` : undefined,
  );
}

async function runSshfs(
  { interrupts, progress, stderr }: Context,
  stream: Duplex,
  { source, target }: { readonly source: string; readonly target: string },
): Promise<void> {
  const { spawn } = await import('node:child_process');
  // `passive`: it speaks SFTP on its own streams, stays in the foreground and starts no ssh.
  const child = spawn('sshfs', ['-o', 'passive', source, target], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  stream.on('error', () => child.kill());
  for (const end of [child.stdin, child.stdout]) end.on('error', () => undefined);
  stream.pipe(child.stdin);
  child.stdout.pipe(stream);
  child.stderr.pipe(stderr, { end: false });
  let asked = false;
  const end = (): void => {
    asked = true;
    child.kill('SIGTERM');
  };
  // Ctrl-c goes to sshfs as well, and it unmounts.
  const restore = interrupts.override(end);
  process.on('SIGTERM', end);
  const outcome = await new Promise<string | undefined>((resolve) => {
    child.once('spawn', () => {
      progress.stop(`${source} is at ${target} until ctrl-c`);
    });
    child.once('error', () => {
      resolve('is not installed');
    });
    child.once('close', (code, signal) => {
      resolve(code === 0 || asked ? undefined : `ended with ${code ?? signal ?? 'nothing'}`);
    });
  });
  restore();
  process.off('SIGTERM', end);
  stream.destroy();
  if (outcome === undefined) return;
  const what = `mount ${source}`;
  if (outcome === 'is not installed') {
    throw new WarrenError('host_lacks', {
      what,
      found: 'sshfs is not installed',
      wanted: 'it and /dev/fuse',
      hint: 'sudo apt install sshfs',
    });
  }
  throw new WarrenError('program_failed', { what, program: 'sshfs', outcome, output: '' });
}

export const sftp = defineCommand({
  name: 'file sftp',
  summary: 'Speak SFTP about the files of a machine on standard input and output',
  details: 'For programs that talk to an sftp-server, such as sftp -D.',
  examples: [{ line: 'warren file sftp web', does: 'as in: sftp -D "warren file sftp web"' }],
  positionals: {
    instance: { kind: 'required', summary: 'Name of the machine', complete: 'instance' },
  },
  options: {},
  next: 'warren file mount NAME/PATH DIRECTORY',
  async run({ client, stdin, stdout }, { instance }) {
    const stream = await openSftp(client, stripRemote(instance));
    const sent = pipeline(stdin, stream, { end: true });
    sent.catch(() => undefined);
    await pipeline(stream, stdout, { end: false });
    stdin.destroy();
    return undefined;
  },
});
