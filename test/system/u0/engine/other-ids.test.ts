import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { guestPath } from '../../../../src/base/brand.ts';
import { withInstanceFiles } from '../../../../src/engine/instances/files.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { restartInstance } from '../../../../src/engine/instances/restart.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { restoreSnapshot } from '../../../../src/engine/snapshots/restore.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { Fault } from './faults.ts';
import {
  clear,
  create,
  dieAt as dieIn,
  launch,
  layEmptyGround,
  remove,
  shell,
  type Census,
  type Ground,
  type Life,
} from './ground.ts';

let ground: Ground;
let life: Life;
let empty: Census;
const fault = new Fault();

beforeAll(async () => {
  ({ ground, life, empty } = await layEmptyGround(fault.gate));
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

afterEach(async () => {
  fault.arm();
  // Copies of the image for other ids stay with the image.
  const { layers: found, ...census } = await clear(ground, life);
  const layers = life.deps.store.layers.list().map(({ id }) => id);
  expect({ ...census, layers: empty.layers }).toEqual(empty);
  expect(found.toSorted()).toEqual(layers.sort());
  expect(life.deps.store.slices.list()).toEqual([]);
  expect(life.problems).toEqual([]);
});

const start = (): Promise<void> => startInstance(life.deps, { name: 'web' }, unattended);
const stop = (): Promise<void> =>
  stopInstance(life.deps, { name: 'web', force: true, timeoutMs: undefined }, unattended);
const slice = (): unknown => getInstance(life.deps, 'web').slice;

async function ask(config: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const input = { name: 'web', config, mode: 'merge' } as const;
  return (await updateInstance(life.deps, input, unattended)).waiting;
}

/** A small range: the ground has few ids. Nesting gives it directories that no overlay covers. */
const small = {
  'security.idmap.isolated': 'true',
  'security.idmap.size': '10000',
  'security.nesting': 'true',
};
const elsewhere = { 'security.idmap.base': '20001', 'security.idmap.size': '5000' };

/** Owners, modes and link counts as the machine sees them. */
const look = async (): Promise<string> => {
  const files = '/root/mine /root/other /var/lib/docker /var/lib/docker/file /bin /etc/passwd';
  return (await shell(life, 'web', `stat -c '%n %u:%g %a %h' ${files}; cat /root/mine`)).output;
};

/** A machine with a snapshot, and what it looked like then. */
async function makeMachine(): Promise<string> {
  await launch(life, 'web', { config: small });
  await shell(
    life,
    'web',
    `echo first >/root/mine; ln /root/mine /root/other; chown 1000:999 /root/mine
     chmod 4711 /root/mine; echo x >/var/lib/docker/file; chown 7:8 /var/lib/docker/file
     chmod 2640 /var/lib/docker/file`,
  );
  const seen = await look();
  expect(seen).toContain('/root/mine 1000:999 4711 2');
  expect(seen).toContain('/var/lib/docker/file 7:8 2640 1');
  const snapshot = { instance: 'web', name: 's0', expiresAtMs: undefined };
  await createSnapshot(life.deps, snapshot, unattended);
  return seen;
}

it('a machine moves to the ids it is asked to have with its next start, and its snapshots with it', async () => {
  const seen = await makeMachine();
  expect(slice()).toEqual({ start: 1, size: 10_000, isolated: true });
  expect(await ask(elsewhere)).toEqual(['security.idmap.base', 'security.idmap.size']);
  expect(await look()).toBe(seen);
  await stop();
  await start();
  expect(slice()).toEqual({ start: 20_001, size: 5000, isolated: true });
  expect(await look()).toBe(seen);
  await shell(life, 'web', 'echo second >/root/mine');
  await restoreSnapshot(life.deps, { instance: 'web', name: 's0' }, unattended);
  expect(await look()).toBe(seen);

  // Back to where it was, and to the ids that all share: that of an image needs no other copy.
  await stop();
  await ask({
    'security.idmap.base': '',
    'security.idmap.size': '',
    'security.idmap.isolated': '',
  });
  await ask({ 'security.idmap.isolated': 'false' });
  await start();
  expect(slice()).toEqual({ start: 1, size: 65_536, isolated: false });
  expect(await look()).toBe(seen);
});

it('a machine moves to the compact layout and back, and every id in it stays what it was', async () => {
  await launch(life, 'web', { config: { 'security.idmap.size': '65536' } });
  const owners = ['0:2999', '61184:65519', '65534:65534'];
  const files = owners.map((_, index) => `/root/f${index}`).join(' ');
  const own = owners.map((owner, index) => `echo >/root/f${index}; chown ${owner} /root/f${index}`);
  await shell(life, 'web', own.join('\n'));
  const seen = async (): Promise<string[]> =>
    (await shell(life, 'web', `stat -c %u:%g ${files}`)).output.trim().split('\n');
  for (const [size, count] of [
    ['compact', 7337],
    ['65536', 65_536],
  ] as const) {
    await stop();
    await ask({ 'security.idmap.size': size });
    await start();
    expect(slice()).toEqual({ start: 1, size: count, isolated: true });
    expect(await seen()).toEqual(owners);
    const { output } = await shell(
      life,
      'web',
      "awk '{ n += $3 } END { print n }' /proc/self/uid_map",
    );
    expect(Number(output)).toBe(count);
    // Its files as the API shows and makes them.
    await withInstanceFiles(life.deps, 'web', async (root) => {
      const at = guestPath('/root/made');
      await root.write(at, 'made', { uid: 65_534, gid: 61_200, mode: 0o600 });
      expect(await root.stat(at)).toMatchObject({ uid: 65_534, gid: 61_200 });
    });
  }
  await shell(life, 'web', 'chown 3000 /root/f0');
  await stop();
  await ask({ 'security.idmap.size': 'compact' });
  await expect(start()).rejects.toMatchObject({
    code: 'invalid',
    message: expect.stringContaining('id 3000, wanted 0 to 2999, 61184 to 65519, 65534') as unknown,
  });
});

it.each(['storage.stagePlain', 'storage.emptyUpper'])(
  'a death just before %s while it moves loses nothing, and the next start moves it',
  async (effect) => {
    const seen = await makeMachine();
    await stop();
    await ask(elsewhere);
    life = await dieIn({ ground, life, fault }, effect, start);
    await start();
    expect(slice()).toEqual({ start: 20_001, size: 5000, isolated: true });
    expect(await look()).toBe(seen);
    await restoreSnapshot(life.deps, { instance: 'web', name: 's0' }, unattended);
    expect(await look()).toBe(seen);
  },
);

it('ids that cannot be had are refused when they are asked for, and change nothing', async () => {
  const seen = await makeMachine();
  await expect(ask({ 'security.idmap.base': '65000' })).rejects.toMatchObject({
    code: 'host_lacks',
  });
  await expect(ask({ 'security.idmap.size': '65537' })).rejects.toMatchObject({
    code: 'host_lacks',
  });
  // A file of it belongs to an id that a smaller range has not.
  await ask({ 'security.idmap.size': '900' });
  await stop();
  await expect(start()).rejects.toMatchObject({ code: 'invalid' });
  await ask({ 'security.idmap.size': '10000' });
  await start();
  expect(slice()).toEqual({ start: 1, size: 10_000, isolated: true });
  expect(await look()).toBe(seen);
});

it('a machine whose other ids somebody else has taken meanwhile is not stopped for a restart', async () => {
  const seen = await makeMachine();
  await ask(elsewhere);
  await create(life, 'taker', { config: elsewhere });
  const input = { name: 'web', force: true, timeoutMs: undefined };
  await expect(restartInstance(life.deps, input, unattended)).rejects.toMatchObject({
    code: 'host_lacks',
  });
  expect(await look()).toBe(seen);
  await remove(life, 'taker');
  await restartInstance(life.deps, input, unattended);
  expect(slice()).toEqual({ start: 20_001, size: 5000, isolated: true });
});

it('a grant that shrinks is an error that names it, and one that grows back is none', async () => {
  const seen = await makeMachine();
  await stop();
  const { u0 } = life.deps.ids;
  const shrunk = {
    uid: u0.uid.map((extent) => ({ ...extent, count: Math.min(extent.count, 5000) })),
    gid: u0.gid,
  };
  const deps = { ...life.deps, ids: { ...life.deps.ids, u0: shrunk } };
  await expect(startInstance(deps, { name: 'web' }, unattended)).rejects.toMatchObject({
    code: 'host_lacks',
    details: {
      found: expect.stringMatching(/up to the 10000th, and tester is granted 5000$/) as unknown,
    },
  });
  await start();
  expect(await look()).toBe(seen);
});
