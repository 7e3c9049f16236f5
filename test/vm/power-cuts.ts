import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { StorageReport } from '../../src/contract/api/storage-check.ts';
import { inTime, openHost, type EmulatedHost } from './host.ts';

/** The machine that every cut finds. */
const name = 'kept';
const path = apiPath('instances', name);

/** Begins what is under way when the power goes; answers what else must be right afterwards. */
type Action = (subject: Subject, round: string) => Promise<(() => Promise<void>) | undefined>;

/** A host with a stopped machine that has one snapshot, `base`, of when its mark was `base`. */
interface Subject {
  readonly host: EmulatedHost;
  /** What layers, machines and images there were before. */
  readonly onDiskBefore: string;
}

const actions = {
  async snapshot({ host }, round) {
    await (await host.api()).begin('POST', `${path}/snapshots`, { name: round });
    return () => expectWholeSnapshot(host, round);
  },
  async restore({ host }) {
    await (await host.api()).begin('PUT', path, { restore: 'base' });
    return undefined;
  },
  async copy({ host }, round) {
    await (await host.api()).begin('POST', apiPath('instances'), copyOf(name, round));
    return () => expectWhole(host, round);
  },
  async delete({ host }, round) {
    await (await host.api()).operate('POST', apiPath('instances'), copyOf(name, round));
    await host.root('sync');
    await (await host.api()).begin('DELETE', apiPath('instances', round));
    return () => expectWhole(host, round);
  },
} satisfies Readonly<Record<string, Action>>;

/** What is done when the power goes. */
export type Kind = keyof typeof actions;

/**
 * Cuts the power at a random moment into each of these in turn, so many times, and asserts after
 * every boot that no machine and no snapshot is lost and that storage is in order, and in the end
 * that no layer and no directory is left over.
 */
export async function survivePowerCuts(kinds: readonly Kind[], cuts: number): Promise<void> {
  // A second processor makes an emulated boot longer, not shorter.
  await using host = await openHost({ bootWords: 'maxcpus=1' });
  const subject = await prepare(host);
  for (let cut = 0; cut < cuts; cut++) {
    const kind = kinds[cut % kinds.length] ?? 'snapshot';
    const round = `${kind}-${cut}`;
    await (await host.api()).upload(markOf(name), round, { 'X-LXD-type': 'file' });
    await host.root('sync');
    const check = await actions[kind](subject, round);
    const delayMs = Math.floor(Math.random() * 600);
    await sleep(delayMs);
    await host.cutPower();
    process.stderr.write(`emulated host: power cut ${delayMs} ms into ${round}\n`);
    await inTime(async () => {
      expect(await names(host, '/1.0/instances')).toContain(name);
    });
    const marks = kind === 'restore' ? ['base', round] : [round];
    expect(marks).toContain(await readMark(host, name));
    await check?.();
    expect(await names(host, `${path}/snapshots`)).toContain('base');
    await expectOrder(host);
  }
  await expectNothingLost(subject);
}

async function prepare(host: EmulatedHost): Promise<Subject> {
  await host.ok('warren daemon install');
  const daemon = await host.api();
  await daemon.operate('PUT', apiPath('instances', 'first', 'state'), stop);
  const onDiskBefore = await onDisk(host);
  const source = { type: 'image', alias: 'busybox' };
  await daemon.operate('POST', apiPath('instances'), { name, source });
  await daemon.upload(markOf(name), 'base', { 'X-LXD-type': 'file' });
  await daemon.operate('POST', `${path}/snapshots`, { name: 'base' });
  return { host, onDiskBefore };
}

async function expectNothingLost({ host, onDiskBefore }: Subject): Promise<void> {
  const daemon = await host.api();
  await daemon.operate('PUT', `${path}/state`, { action: 'start' });
  expect(await host.exec(name, 'test -s /mark')).toBe(0);
  await daemon.operate('PUT', `${path}/state`, stop);
  await daemon.operate('PUT', path, { restore: 'base' });
  expect(await readMark(host, name)).toBe('base');
  for (const other of await names(host, '/1.0/instances')) {
    if (other !== 'first') await daemon.operate('DELETE', apiPath('instances', other));
  }
  expect(await onDisk(host)).toBe(onDiskBefore);
}

const stop = { action: 'stop', force: true };

const copyOf = (source: string, copy: string): object => ({
  name: copy,
  source: { type: 'copy', source },
});

/** A copy is there with all it has, or not at all. */
async function expectWhole(host: EmulatedHost, round: string): Promise<void> {
  if (!(await names(host, '/1.0/instances')).includes(round)) return;
  expect(await readMark(host, round)).toBe(round);
}

/** A snapshot is there with all it has, or not at all. */
async function expectWholeSnapshot(host: EmulatedHost, round: string): Promise<void> {
  const isThere = (await names(host, `${path}/snapshots`)).includes(round);
  process.stderr.write(`emulated host: ${round} ${isThere ? 'was' : 'was not'} taken\n`);
  if (!isThere) return;
  const copy = `of-${round}`;
  await (await host.api()).operate('POST', apiPath('instances'), copyOf(`${name}/${round}`, copy));
  expect(await readMark(host, copy)).toBe(round);
}

/** Layers, what refers to them and directories are what the database says, without a repair. */
async function expectOrder(host: EmulatedHost): Promise<void> {
  const report = await host.ok('warren doctor --storage --format json');
  expect((JSON.parse(report) as StorageReport).problems).toEqual([]);
}

const onDisk = (host: EmulatedHost): Promise<string> =>
  host.root('cd ~warren/.local/share/warren && ls -A layers instances images');

const markOf = (machine: string): string => `${apiPath('instances', machine, 'files')}?path=/mark`;

async function readMark(host: EmulatedHost, machine: string): Promise<string> {
  const daemon = await host.api();
  return await daemon.transport.text(await daemon.download(markOf(machine)));
}

const names = async (host: EmulatedHost, collection: string): Promise<string[]> =>
  (await (await host.api()).get<string[]>(collection)).map((url) => url.split('/').at(-1) ?? '');
