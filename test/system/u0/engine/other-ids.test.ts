import { expect, it } from 'vitest';

import { guestPath } from '../../../../src/base/brand.ts';
import { withInstanceFiles } from '../../../../src/engine/instances/files.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { restartInstance } from '../../../../src/engine/instances/restart.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { restoreSnapshot } from '../../../../src/engine/snapshots/restore.ts';
import { unattended, type InstanceRecord } from '../../../../src/engine/types.ts';
import { manifestOf } from '../../../helpers/manifest.ts';
import { fillNastily } from './nasty.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine();

const start = (): Promise<void> => engine.start('web');
const stop = (): Promise<void> => engine.stop('web');
const slice = (): unknown => getInstance(engine.deps, 'web').slice;

async function ask(config: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const input = { name: 'web', config, mode: 'merge' } as const;
  return (await updateInstance(engine.deps, input, unattended)).waiting;
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
  return (await engine.shell('web', `stat -c '%n %u:%g %a %h' ${files}; cat /root/mine`)).output;
};

/** A machine with a snapshot, and what it looked like then. */
async function makeMachine(): Promise<string> {
  await engine.launch('web', { config: small });
  await engine.shell(
    'web',
    `echo first >/root/mine; ln /root/mine /root/other; chown 1000:999 /root/mine
     chmod 4711 /root/mine; echo x >/var/lib/docker/file; chown 7:8 /var/lib/docker/file
     chmod 2640 /var/lib/docker/file`,
  );
  const seen = await look();
  expect(seen).toContain('/root/mine 1000:999 4711 2');
  expect(seen).toContain('/var/lib/docker/file 7:8 2640 1');
  const snapshot = { instance: 'web', name: 's0', expiresAtMs: undefined };
  await createSnapshot(engine.deps, snapshot, unattended);
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
  await engine.shell('web', 'echo second >/root/mine');
  await restoreSnapshot(engine.deps, { instance: 'web', name: 's0' }, unattended);
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

it('set-id bits, capabilities, access lists and all else of a file move with it, in every directory', async () => {
  await engine.launch('web', { config: small });
  await stop();
  const { storage } = engine.deps;
  const docker = ({ id, slice }: InstanceRecord): Promise<string> =>
    storage.plainDirectory(id, 'docker', slice);
  await engine.withRoot('web', async (root, record) => {
    fillNastily(root, record.slice);
    fillNastily(await docker(record), record.slice);
  });
  // What a start writes is not in the comparison.
  const seen = (): Promise<string[]> =>
    engine.withRoot('web', async (root, record) => {
      const { start: first } = record.slice;
      const inDocker = await manifestOf(await docker(record), first);
      return [...(await manifestOf(`${root}/nasty`, first)), ...inDocker];
    });
  const before = await seen();
  expect(before.filter((line) => line.includes('security.capability='))).toHaveLength(2);
  await ask({ 'security.idmap.base': '20001' });
  await start();
  expect(slice()).toEqual({ start: 20_001, size: 10_000, isolated: true });
  await stop();
  expect(await seen()).toEqual(before);
});

it('a machine moves to the compact layout and back, and every id in it stays what it was', async () => {
  await engine.launch('web', { config: { 'security.idmap.size': '65536' } });
  const owners = ['0:2999', '61184:65519', '65534:65534'];
  const files = owners.map((_, index) => `/root/f${index}`).join(' ');
  const own = owners.map((owner, index) => `echo >/root/f${index}; chown ${owner} /root/f${index}`);
  await engine.shell('web', own.join('\n'));
  const seen = async (): Promise<string[]> =>
    (await engine.shell('web', `stat -c %u:%g ${files}`)).output.trim().split('\n');
  for (const [size, count] of [
    ['compact', 7337],
    ['65536', 65_536],
  ] as const) {
    await stop();
    await ask({ 'security.idmap.size': size });
    await start();
    expect(slice()).toEqual({ start: 1, size: count, isolated: true });
    expect(await seen()).toEqual(owners);
    const { output } = await engine.shell(
      'web',
      "awk '{ n += $3 } END { print n }' /proc/self/uid_map",
    );
    expect(Number(output)).toBe(count);
    // Its files as the API shows and makes them.
    await withInstanceFiles(engine.deps, 'web', async (root) => {
      const at = guestPath('/root/made');
      await root.write(at, 'made', { uid: 65_534, gid: 61_200, mode: 0o600 });
      expect(await root.stat(at)).toMatchObject({ uid: 65_534, gid: 61_200 });
    });
  }
  await engine.shell('web', 'chown 3000 /root/f0');
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
    await engine.dieAt(effect, start);
    await start();
    expect(slice()).toEqual({ start: 20_001, size: 5000, isolated: true });
    expect(await look()).toBe(seen);
    await restoreSnapshot(engine.deps, { instance: 'web', name: 's0' }, unattended);
    expect(await look()).toBe(seen);
  },
);

it('ids that cannot be had are refused when they are asked for, and change nothing', async () => {
  const seen = await makeMachine();
  await expect(ask({ 'security.idmap.base': '65000' })).rejects.toMatchObject({
    code: 'host_lacks',
    message: expect.stringMatching(/ids 65000 to 74999 .*: there are 6553\d, /) as unknown,
    hint: expect.stringContaining('without security.idmap.base') as unknown,
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
  await engine.create('taker', { config: elsewhere });
  const input = { name: 'web', force: true, timeoutMs: undefined };
  await expect(restartInstance(engine.deps, input, unattended)).rejects.toMatchObject({
    code: 'host_lacks',
    message: expect.stringContaining('other machines have some of these') as unknown,
  });
  expect(await look()).toBe(seen);
  await engine.remove('taker');
  await restartInstance(engine.deps, input, unattended);
  expect(slice()).toEqual({ start: 20_001, size: 5000, isolated: true });
});

it('a grant that shrinks is an error that names it, and one that grows back is none', async () => {
  const seen = await makeMachine();
  await stop();
  const { u0 } = engine.deps.ids;
  const shrunk = {
    uid: u0.uid.map((extent) => ({ ...extent, count: Math.min(extent.count, 5000) })),
    gid: u0.gid,
  };
  const deps = { ...engine.deps, ids: { ...engine.deps.ids, u0: shrunk } };
  await expect(startInstance(deps, { name: 'web' }, unattended)).rejects.toMatchObject({
    code: 'host_lacks',
    details: {
      found: expect.stringMatching(/up to number 10000, and tester is granted 5000$/) as unknown,
    },
  });
  await start();
  expect(await look()).toBe(seen);
});
