import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { Operation } from '../../src/contract/api/operations.ts';
import { eventually } from '../helpers/warren.ts';
import { openHost, patienceMs, type EmulatedHost } from './host.ts';

const cuts = 10;
const machine = apiPath('instances', 'kept');

let host: EmulatedHost;
/** Directories of layers and machines without ours. */
let before: string;

const onDisk = (): Promise<string> =>
  host.root('cd ~warren/.local/share/warren && ls -A layers instances images');

beforeAll(async () => {
  host = await openHost();
  await host.ok('warren daemon install');
  await operate('PUT', `${apiPath('instances', 'first')}/state`, { action: 'stop', force: true });
  before = await onDisk();
  await create('kept', { type: 'image', alias: 'busybox' });
  await write('base');
  await operate('POST', `${machine}/snapshots`, { name: 'base' });
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

async function operate(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) {
  await (await host.api()).operate(method, path, body);
}

async function begin(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<Operation> {
  return await (await host.api()).begin(method, path, body);
}

const create = (name: string, source: object): Promise<void> =>
  operate('POST', apiPath('instances'), { name, source });

const markOf = (name: string): string => `${apiPath('instances', name, 'files')}?path=/mark`;

async function write(mark: string): Promise<void> {
  await (await host.api()).upload(markOf('kept'), mark, { 'X-LXD-type': 'file' });
}

async function read(name: string): Promise<string> {
  const daemon = await host.api();
  return await daemon.transport.text(await daemon.download(markOf(name)));
}

const names = async (path: string): Promise<string[]> =>
  (await (await host.api()).get<string[]>(path)).map((url) => url.split('/').at(-1) ?? '');

/** What is under way when the power goes, and what is right afterwards. */
const actions: Readonly<
  Record<string, (round: string) => Promise<(() => Promise<void>) | undefined>>
> = {
  async snapshot(round) {
    await begin('POST', `${machine}/snapshots`, { name: round });
    return undefined;
  },
  async restore() {
    await begin('PUT', machine, { restore: 'base' });
    return undefined;
  },
  async copy(round) {
    await begin('POST', apiPath('instances'), {
      name: round,
      source: { type: 'copy', source: 'kept' },
    });
    return async () => {
      if ((await names('/1.0/instances')).includes(round)) expect(await read(round)).toBe(round);
    };
  },
  async delete(round) {
    await create(round, { type: 'copy', source: 'kept' });
    await host.root('sync');
    await begin('DELETE', apiPath('instances', round));
    return async () => {
      if ((await names('/1.0/instances')).includes(round)) expect(await read(round)).toBe(round);
    };
  },
};

test(
  'a power cut in the middle of a snapshot, restore, copy or delete loses no machine and leaks nothing',
  { timeout: 1_500_000 },
  async () => {
    const kinds = Object.keys(actions);
    for (let cut = 0; cut < cuts; cut++) {
      const kind = kinds[cut % kinds.length] ?? '';
      const round = `${kind}-${cut}`;
      await write(round);
      await host.root('sync');
      const check = await actions[kind]?.(round);
      const delayMs = Math.floor(Math.random() * 600);
      await sleep(delayMs);
      await host.cutPower();
      process.stderr.write(`emulated host: power cut ${delayMs} ms into ${round}\n`);
      await eventually(async () => {
        expect(await names('/1.0/instances')).toContain('kept');
      }, patienceMs);
      expect(kind === 'restore' ? ['base', round] : [round]).toContain(await read('kept'));
      await check?.();
      expect(await names(`${machine}/snapshots`)).toContain('base');
    }
    await operate('PUT', `${machine}/state`, { action: 'start' });
    expect(await host.exec('kept', 'test -s /mark')).toBe(0);
    await operate('PUT', `${machine}/state`, { action: 'stop', force: true });
    await operate('PUT', machine, { restore: 'base' });
    expect(await read('kept')).toBe('base');
    for (const name of await names('/1.0/instances')) {
      if (name !== 'first') await operate('DELETE', apiPath('instances', name));
    }
    expect(await onDisk()).toBe(before);
  },
);
