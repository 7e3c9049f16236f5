import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { apiPath, Client, withQuery } from '../../client/client.ts';
import { hostError, runHost } from '../../client/daemon-start.ts';
import { isWarrenError, WarrenError } from '../../contract/errors.ts';
import { Transport } from '../../client/transport.ts';
import { defineCommand } from '../command.ts';
import { deleteMachine } from '../delete-machine.ts';
import { formatLogLine } from '../render/log-line.ts';
import { formatDaemon } from '../render/server-info.ts';
import { forEachOf } from '../together.ts';
import { volumePath } from '../volumes.ts';

import type { Context } from '../context.ts';
import type { Paths } from '../../contract/paths.ts';
import type { Instance } from '../../contract/api/instances.ts';
import type { Project } from '../../contract/api/projects.ts';
import type { Profile } from '../../contract/api/profiles.ts';
import type { DaemonPost, DaemonStatus, Server } from '../../contract/api/server.ts';
import type { StorageVolume } from '../../contract/api/storage-pools.ts';

/** The status that the daemon tells, or undefined when none runs: asking must not start it. */
async function findStatus({ paths }: Context): Promise<DaemonStatus | undefined> {
  const transport = new Transport({ socket: paths.socket });
  try {
    return (await new Client({ transport }).get<Server>('/1.0')).warren;
  } catch (error) {
    if (isWarrenError(error, 'daemon_unreachable')) return undefined;
    throw error;
  } finally {
    transport.close();
  }
}

/** No daemon runs, but perhaps a keeper does, with machines that go on. */
interface Absence {
  readonly running: false;
  readonly socket: string;
  readonly keeper_pid: number | null;
}

function formatAbsence({ socket, keeper_pid: keeper }: Absence): string {
  const rows = ['warren  ○ not running; any command starts it'];
  if (keeper !== null) rows.push(`  processes  keeper ${keeper}, for the machines that go on`);
  return [...rows, `  socket     ${socket}`, ''].join('\n');
}

/**
 * The keeper that runs without a daemon, as it does for machines that go on: it listens in the
 * daemon's place, and to ask there would start one. It keeps a record of the daemon for as long as
 * that runs.
 */
async function findSleeper({ paths }: Context): Promise<number | undefined> {
  return existsSync(paths.daemonRecord) ? undefined : await findKeeper(paths);
}

/** The pid of the keeper, if it runs. */
async function findKeeper(paths: Paths): Promise<number | undefined> {
  const text = await readFile(paths.keeperPid, 'utf8').catch(() => '');
  const pid = Number(text);
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return command.includes('warren-keeper') ? pid : undefined;
}

export const status = defineCommand({
  name: 'daemon status',
  summary: 'Whether the daemon runs, and with what',
  details: 'Exit code 3 when it does not run, as with systemctl.',
  examples: [
    { line: 'warren daemon status', does: 'on one screen' },
    { line: 'warren daemon status --format json', does: 'for programs' },
  ],
  positionals: {},
  options: {},
  next: 'warren doctor',
  async run(context): Promise<DaemonStatus | Absence> {
    const keeper = await findSleeper(context);
    const found = keeper === undefined ? await findStatus(context) : undefined;
    if (found !== undefined) return found;
    context.exitCode = 3;
    return { running: false, socket: context.paths.socket, keeper_pid: keeper ?? null };
  },
  render: (data, look) => ({
    text: 'running' in data ? formatAbsence(data) : formatDaemon(data, look),
  }),
});

export const stop = defineCommand({
  name: 'daemon stop',
  summary: 'Stop the daemon; machines go on unless told otherwise',
  examples: [
    { line: 'warren daemon stop', does: 'machines go on; any command starts it again' },
    { line: 'warren daemon stop --machines', does: 'shuts every machine down first' },
  ],
  positionals: {},
  options: {
    machines: { kind: 'flag', summary: 'Shut every machine down first' },
    purge: { kind: 'flag', summary: 'Delete every machine, volume and image first' },
  },
  next: 'warren daemon status',
  async run(context, { machines, purge }) {
    const { client, progress } = context;
    if (!purge && !machines && (await findSleeper(context)) !== undefined) return undefined;
    // --purge has work for the daemon, so there it may be started; otherwise there is nothing to
    // stop.
    const before = purge ? (await client.get<Server>('/1.0')).warren : await whatRuns(context);
    if (before === undefined) {
      if (await endKeeper(context)) progress.stop('the daemon has stopped');
      return undefined;
    }
    if (purge) await deleteEverything(context);
    progress.start('Stopping the daemon');
    const body: DaemonPost = { action: 'stop', machines };
    await client.operate('POST', apiPath('warren', 'daemon'), body);
    const alone = machines || purge || before.instances_running === 0;
    await goneWithin(alone ? before.keeper_pid : before.pid, 20_000);
    progress.stop('the daemon has stopped');
    return undefined;
  },
});

/** The status of a daemon to be stopped; undefined also for one that cannot even start. */
async function whatRuns(context: Context): Promise<DaemonStatus | undefined> {
  try {
    return await findStatus(context);
  } catch (error) {
    if (error instanceof WarrenError) return undefined;
    throw error;
  }
}

/** Ends a keeper that has no daemon to pass the word on. Answers whether there was one. */
async function endKeeper({ paths }: Context): Promise<boolean> {
  const pid = await findKeeper(paths);
  if (pid === undefined) return false;
  process.kill(pid, 'SIGTERM');
  await goneWithin(pid, 20_000);
  return true;
}

async function deleteEverything({ client, progress }: Context): Promise<void> {
  progress.start('Deleting every machine');
  const instances = await client.get<Instance[]>('/1.0/instances', {
    ...{ recursion: 1, 'all-projects': 'true' },
  });
  await forEachOf(instances, (one) => deleteMachine(client, one));
  progress.start('Deleting every volume');
  const volumes = await client.get<StorageVolume[]>('/1.0/storage-pools/default/volumes/custom', {
    ...{ recursion: 1, 'all-projects': 'true' },
  });
  for (const { name, project, used_by: users } of volumes) {
    for (const url of users) await detachEverywhere(client, url, name);
    await client.operate('DELETE', withQuery(volumePath('default', name), { project }));
  }
  progress.start('Deleting every image');
  const projects = await client.get<Project[]>('/1.0/projects', { recursion: 1 });
  const images = projects.flatMap(({ used_by: users }) =>
    users.filter((url) => url.startsWith('/1.0/images/')),
  );
  // All at once, for each deletion mostly waits for the disk.
  await forEachOf(images, async (url) => {
    await client.operate('DELETE', url);
  });
  for (const project of projects) {
    if (project.name !== 'default') await deleteProject(client, project);
  }
}

/** Deletes a project with its profiles. Its machines and volumes must be gone. */
async function deleteProject(
  client: Context['client'],
  { name, used_by: users }: Project,
): Promise<void> {
  for (const url of users) {
    const isOne = url.startsWith('/1.0/profiles/') && !url.startsWith('/1.0/profiles/default?');
    if (isOne) await client.change('DELETE', url);
  }
  await client.change('DELETE', apiPath('projects', name));
}

/** Removes a volume from a profile's devices: machines, the other users of volumes, are gone. */
async function detachEverywhere(
  client: Context['client'],
  url: string,
  volume: string,
): Promise<void> {
  const { value, etag } = await client.getTagged<Profile>(url);
  const devices = Object.fromEntries(
    Object.entries(value.devices).filter(
      ([, { pool, source }]) => pool === undefined || source !== volume,
    ),
  );
  await client.operate('PUT', url, { ...value, devices }, etag);
}

/** Waits for the end of a process, so that the next command meets a fresh one or none. */
async function goneWithin(pid: number, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (pid > 1 && isThere(pid) && performance.now() < deadline) await sleep(20);
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A process that has ended but is not reaped yet answers as well; its memory is gone.
    return readFileSync(`/proc/${pid}/statm`, 'utf8').trim() !== '0 0 0 0 0 0 0';
  } catch {
    return false;
  }
}

export const restart = defineCommand({
  name: 'daemon restart',
  summary: 'Start a fresh daemon, after an upgrade for instance; machines go on',
  examples: [{ line: 'warren daemon restart', does: 'no machine notices' }],
  positionals: {},
  options: {},
  next: 'warren daemon status',
  async run(context) {
    const { client, progress } = context;
    progress.start('Restarting the daemon');
    const before = await findStatus(context);
    if (before !== undefined) {
      const body: DaemonPost = { action: 'restart' };
      await client.operate('POST', apiPath('warren', 'daemon'), body);
    }
    // Answered by the next one: the keeper holds the listening socket meanwhile.
    const now = await waitForOther(context, before?.pid);
    progress.stop(`the daemon runs as process ${now.pid}`);
    return undefined;
  },
});

async function waitForOther(
  { client }: Context,
  oldPid: number | undefined,
): Promise<DaemonStatus> {
  const { setTimeout: sleep } = await import('node:timers/promises');
  for (let attempt = 0; ; attempt++) {
    try {
      const { warren } = await client.get<Server>('/1.0');
      if (warren.pid !== oldPid) return warren;
    } catch (error) {
      if (!isWarrenError(error, 'daemon_unreachable') || attempt > 200) throw error;
    }
    await sleep(50);
  }
}

export const logs = defineCommand({
  name: 'daemon logs',
  summary: 'Print the log of the daemon',
  examples: [
    { line: 'warren daemon logs', does: 'the last hundred lines' },
    { line: 'warren daemon logs --keeper', does: 'the log of the keeper' },
    { line: 'warren daemon logs --format json', does: 'the lines as they are in the file' },
  ],
  positionals: {},
  options: {
    lines: { kind: 'number', alias: 'n', value: 'COUNT', summary: 'How many lines (100)' },
    keeper: { kind: 'flag', summary: 'The log of the keeper instead' },
  },
  next: 'warren monitor',
  async run({ paths }, { lines, keeper }) {
    const path = keeper ? paths.keeperLog : paths.daemonLog;
    const text = await readFile(path, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      throw new WarrenError('not_found', { kind: 'log', name: path });
    });
    return text
      .trimEnd()
      .split('\n')
      .slice(-Math.max(1, lines ?? 100));
  },
  render: (lines) => ({ text: lines.map(formatLogLine).join('\n') }),
});

export const install = defineCommand({
  name: 'daemon install',
  summary: 'Have systemd start warren with the host, also while you are not logged in',
  examples: [{ line: 'warren daemon install', does: 'a user unit, and lingering' }],
  positionals: {},
  options: { remove: { kind: 'flag', summary: 'Undo it' } },
  next: 'warren daemon status',
  async run(context, { remove }) {
    const result = await runHost(context.host, [remove ? 'uninstall' : 'install']);
    if (result.exitCode !== 0) throw hostError(result, context.paths.socket);
    return result.stdout;
  },
  render: (text) => ({ text }),
});
