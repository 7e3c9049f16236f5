import { afterAll, beforeAll, expect, test } from 'vitest';

import {
  deleteExpired,
  planScheduled,
  takeScheduled,
} from '../../src/engine/snapshots/scheduled.ts';
import { deleteExpiredBackups } from '../../src/engine/backups/change.ts';
import { updateInstance } from '../../src/engine/instances/update.ts';
import { unattended } from '../../src/engine/types.ts';
import { openDaemon } from '../fakes/daemon.ts';
import { ApiClient } from './client.ts';

import type { InstanceSnapshot } from '../../src/contract/api/instances.ts';
import type { TestDaemon } from '../fakes/daemon.ts';

let daemon: TestDaemon;
let api: ApiClient;
beforeAll(async () => {
  daemon = await openDaemon();
  api = new ApiClient(daemon.socket);
  const image = await api.upload('an image file');
  const source = { type: 'image', fingerprint: String(image.metadata['fingerprint']) };
  const make = (name: string, config: object, start = false): Promise<unknown> =>
    api.done('POST', '/1.0/instances', { name, config, source, start });
  await make('hourly', { 'snapshots.schedule': '@hourly' }, true);
  await make('stopped', { 'snapshots.schedule': '@hourly' });
  await make('cold', {
    'snapshots.schedule': '30 12 * * *',
    'snapshots.schedule.stopped': 'true',
    'snapshots.pattern': 'nightly-{{ creation_date }}',
    'snapshots.expiry': '1H',
  });
  await make('boots', { 'snapshots.schedule': '@startup, @never' });
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

const at = (hours: number, minutes: number): number =>
  new Date(2030, 0, 7, hours, minutes).getTime();
const snapshots = (name: string): Promise<InstanceSnapshot[]> =>
  api.get(`/1.0/instances/${name}/snapshots?recursion=1`);

test('a schedule is for its minute, and for a stopped machine only when that is asked for', () => {
  const due = (ms: number): string[] =>
    planScheduled(daemon.context.engine, ms).map(({ name }) => name);
  expect(due(at(12, 0))).toEqual(['hourly']);
  expect(due(at(12, 30))).toEqual(['cold']);
  expect(due(at(12, 31))).toEqual([]);
});

test('a scheduled snapshot is named by the pattern and goes when it has expired', async () => {
  await takeScheduled(daemon.context.engine, at(12, 30), unattended);
  const [made, ...more] = await snapshots('cold');
  expect(more).toEqual([]);
  expect(made?.name).toMatch(/^nightly-\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d$/);
  const lifeMs = Date.parse(made?.expires_at ?? '') - Date.parse(made?.created_at ?? '');
  expect(lifeMs).toBe(3_600_000);
  await deleteExpired(daemon.context.engine, unattended);
  expect((await snapshots('cold')).length).toBe(1);
  const later = { ...daemon.context.engine, now: () => Date.now() + 3_700_000 };
  await deleteExpired(later, unattended);
  expect(await snapshots('cold')).toEqual([]);
});

test('the end of a snapshot can be set, moved and taken away', async () => {
  const all = '/1.0/instances/cold/snapshots';
  await api.done('POST', all, { name: 'kept', expires_at: '0001-01-01T00:00:00Z' });
  const one = `${all}/kept`;
  const expiry = async (): Promise<string> => (await api.get<InstanceSnapshot>(one)).expires_at;
  expect(await expiry()).toBe('0001-01-01T00:00:00Z');
  await api.done('PUT', one, { expires_at: '2031-01-01T00:00:00Z' });
  expect(await expiry()).toBe('2031-01-01T00:00:00.000Z');
  await api.done('PATCH', one, {});
  expect(await expiry()).toBe('2031-01-01T00:00:00.000Z');
  const stale = await api.send('PUT', one, {
    body: '{"expires_at": null}',
    headers: { 'If-Match': '"old"' },
  });
  expect(stale.status).toBe(412);
  await api.done('PUT', one, { expires_at: null });
  expect(await expiry()).toBe('0001-01-01T00:00:00Z');
  expect((await api.call('PUT', one, { expires_at: 'soon' })).status).toBe(400);
});

test('a start takes the snapshot that @startup wants', async () => {
  await api.done('PUT', '/1.0/instances/boots/state', { action: 'start' });
  expect((await snapshots('boots')).map(({ name }) => name)).toEqual(['snap0']);
});

test('a snapshot that cannot be taken is a warning until one can', async () => {
  const warnings = async (): Promise<string[]> =>
    (await api.get<{ type: string; status: string }[]>('/1.0/warnings?recursion=1'))
      .filter(({ status }) => status === 'new')
      .map(({ type }) => type);
  const held = await daemon.context.engine.live.locks.act('hourly', 'stop');
  await takeScheduled(daemon.context.engine, at(13, 0), unattended);
  expect(await warnings()).toContain('Scheduled snapshot failed');
  held[Symbol.dispose]();
  await takeScheduled(daemon.context.engine, at(14, 0), unattended);
  expect(await warnings()).not.toContain('Scheduled snapshot failed');
});

test('what a person asks for waits for a scheduled snapshot and for the end of an expired one', async () => {
  const { engine } = daemon.context;
  const change = (note: string): Promise<unknown> =>
    updateInstance(
      engine,
      { name: 'cold', config: { 'user.note': note }, mode: 'merge' },
      unattended,
    );
  const before = (await snapshots('cold')).length;
  const taking = takeScheduled(engine, at(12, 30), unattended);
  await change('while one is taken');
  await taking;
  expect((await snapshots('cold')).length).toBe(before + 1);
  const deleting = deleteExpired({ ...engine, now: () => Date.now() + 3_700_000 }, unattended);
  await change('while it is deleted');
  await deleting;
  expect((await snapshots('cold')).length).toBe(before);
});

test('an expired backup goes as well', async () => {
  const all = '/1.0/instances/cold/backups';
  await api.done('POST', all, { name: 'old', expires_at: '2020-01-01T00:00:00Z' });
  await api.done('POST', all, { name: 'new', expires_at: '2099-01-01T00:00:00Z' });
  await deleteExpiredBackups(daemon.context.engine, unattended);
  expect(await api.get(all)).toEqual([`${all}/new`]);
});
