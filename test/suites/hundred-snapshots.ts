import { expect } from 'vitest';

import { apiPath, type Client } from '../../src/client/client.ts';

const count = 100;
const path = apiPath('instances', 'many');
const mark = `${path}/files?path=/mark`;

/** Where a daemon runs on whose kernel this is tried. */
export interface SnapshotHost {
  readonly daemon: Client;
  /** Of a process: its line in /proc/PID/stat (man 5 proc_pid_stat). */
  readonly stat: (pid: number) => Promise<string>;
  /** Runs a line of shell in a machine that runs; answers its exit code. */
  readonly exec: (name: string, line: string) => Promise<number>;
}

/**
 * Makes a busybox machine with a hundred snapshots, lists them, starts it on them and goes back to
 * one. Answers what twenty lists of one and of all of them cost, in milliseconds of processor time.
 */
export async function tryHundredSnapshots(
  host: SnapshotHost,
): Promise<{ readonly ofOneMs: number; readonly ofAllMs: number }> {
  const { daemon } = host;
  const source = { type: 'image', alias: 'busybox' };
  await daemon.operate('POST', apiPath('instances'), { name: 'many', source });
  let ofOneMs = 0;
  for (let index = 0; index < count; index++) {
    await daemon.upload(mark, `mark ${index}`, { 'X-LXD-type': 'file' });
    await daemon.operate('POST', `${path}/snapshots`, { name: `s${index}` });
    if (index === 0) ofOneMs = await costOfLists(host, 1);
  }
  const ofAllMs = await costOfLists(host, count);
  // Far less than a hundred times as much: a row costs little beside the request.
  expect(ofAllMs).toBeLessThan(Math.max(ofOneMs, 100) * 25);
  await daemon.operate('PUT', `${path}/state`, { action: 'start' });
  expect(await host.exec('many', 'grep -qx "mark 99" /mark')).toBe(0);
  await daemon.operate('PUT', `${path}/state`, { action: 'stop', force: true });
  await daemon.operate('PUT', path, { restore: 's42' });
  const answer = await daemon.download(mark);
  expect(await daemon.transport.text(answer)).toBe('mark 42');
  return { ofOneMs, ofAllMs };
}

/** Processor time of twenty lists with everything in them. */
async function costOfLists({ daemon, stat }: SnapshotHost, length: number): Promise<number> {
  const { warren } = await daemon.get<{ warren: { pid: number } }>('/1.0');
  const used = async (): Promise<number> => {
    const fields = (await stat(warren.pid)).split(') ')[1]?.split(' ') ?? [];
    const [user = 0, system = 0] = fields.slice(11, 13).map(Number);
    return (user + system) * 10;
  };
  const before = await used();
  for (let round = 0; round < 20; round++) {
    const rows = await daemon.get<unknown[]>(`${path}/snapshots`, { recursion: 1 });
    expect(rows).toHaveLength(length);
  }
  return (await used()) - before;
}
