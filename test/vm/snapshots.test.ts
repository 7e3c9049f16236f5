import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import { openHost, type EmulatedHost } from './host.ts';

const count = 100;
const path = apiPath('instances', 'many');
const mark = `${path}/files?path=/mark`;

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
  const daemon = await host.api();
  const source = { type: 'image', alias: 'busybox' };
  await daemon.operate('POST', apiPath('instances'), { name: 'many', source });
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

/** What the daemon has used of the processors so far, in hundredths of a second. */
async function daemonTicks(): Promise<number> {
  const { warren } = await (await host.api()).get<{ warren: { pid: number } }>('/1.0');
  const stat = await host.root(`cat /proc/${warren.pid}/stat`);
  const [user = 0, system = 0] = stat.split(') ')[1]?.split(' ').slice(11, 13).map(Number) ?? [];
  return user + system;
}

/** Processor time of twenty lists with everything in them. */
async function costOfList(length: number): Promise<number> {
  const daemon = await host.api();
  const before = await daemonTicks();
  for (let round = 0; round < 20; round++) {
    const rows = await daemon.get<unknown[]>(`${path}/snapshots`, { recursion: 1 });
    expect(rows).toHaveLength(length);
  }
  return (await daemonTicks()) - before;
}

test('a hundred snapshots are made, listed in little time, started on and gone back to', async () => {
  const daemon = await host.api();
  let alone = 0;
  for (let index = 0; index < count; index++) {
    await daemon.upload(mark, `mark ${index}`, { 'X-LXD-type': 'file' });
    await daemon.operate('POST', `${path}/snapshots`, { name: `s${index}` });
    if (index === 0) alone = await costOfList(1);
  }
  const all = await costOfList(count);
  process.stderr.write(`emulated host: 20 lists of 1: ${alone}0 ms, of ${count}: ${all}0 ms\n`);
  // Far less than a hundred times as much: a row costs little beside the request.
  expect(all).toBeLessThan(Math.max(alone, 10) * 25);
  await daemon.operate('PUT', `${path}/state`, { action: 'start' });
  expect(await host.exec('many', 'grep -qx "mark 99" /mark')).toBe(0);
  await daemon.operate('PUT', `${path}/state`, { action: 'stop', force: true });
  await daemon.operate('PUT', path, { restore: 's42' });
  const answer = await daemon.download(mark);
  expect(await daemon.transport.text(answer)).toBe('mark 42');
});
