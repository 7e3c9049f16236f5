import { afterAll, beforeAll, expect, it } from 'vitest';

import { publishImage, type PublishImageInput } from '../../../../src/engine/images/publish.ts';
import { listInstances } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { deleteSnapshot } from '../../../../src/engine/snapshots/delete.ts';
import { checkStorage } from '../../../../src/engine/storage-check/check.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { launch, layGround, shell, type Ground, type Life } from './ground.ts';

let ground: Ground;
let life: Life;
const key = '/etc/ssh/ssh_host_ed25519_key';

beforeAll(async () => {
  ground = await layGround();
  life = await ground.begin();
  await launch(life, 'web');
  await shell(life, 'web', `mkdir /etc/ssh && echo secret >${key}`);
  await stopInstance(life.deps, { name: 'web', force: true, timeoutMs: undefined }, unattended);
});
afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

it('a copy gets host keys of its own, once', async () => {
  await launch(life, 'copied', {
    source: { type: 'copy', instance: 'web', instanceOnly: true },
  });
  const { output } = await shell(life, 'copied', `cat ${key} && grep -c . ${key}.pub`);
  expect(output).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----\n[^]+\n1\n$/);
  await stopInstance(life.deps, { name: 'copied', force: true, timeoutMs: undefined }, unattended);
  await startInstance(life.deps, { name: 'copied' }, unattended);
  expect((await shell(life, 'copied', `cat ${key} && grep -c . ${key}.pub`)).output).toBe(output);
});

it('the machine it was made of keeps its own', async () => {
  await startInstance(life.deps, { name: 'web' }, unattended);
  expect((await shell(life, 'web', `cat ${key}`)).output).toBe('secret\n');
  await stopInstance(life.deps, { name: 'web', force: true, timeoutMs: undefined }, unattended);
});

const asked = (snapshot: string | undefined): PublishImageInput => ({
  project: 'default',
  instance: 'web',
  snapshot,
  properties: undefined,
  public: false,
  expiresAtMs: undefined,
  compression: undefined,
  aliases: [],
});

it('a published image holds none', async () => {
  const { fingerprint } = await publishImage(life.deps, asked(undefined), unattended);
  await launch(life, 'other', { source: { type: 'image', fingerprint } });
  expect((await shell(life, 'other', 'ls -A /etc/ssh')).output).toBe('');
});

it('a snapshot is published of a machine that runs, as no machine more, and may go meanwhile', async () => {
  await startInstance(life.deps, { name: 'web' }, unattended);
  await shell(life, 'web', 'echo then >/root/note; chown 7:8 /root/note; chmod 4711 /root/note');
  const snapshot = { instance: 'web', name: 's' };
  await createSnapshot(life.deps, { ...snapshot, expiresAtMs: undefined }, unattended);
  await shell(life, 'web', 'echo now >/root/note');
  const machines = (): string[] => listInstances(life.deps).map(({ name }) => name);
  const before = machines();
  const { images } = life.deps;
  const pack: typeof images.pack = async (packed, context) => {
    expect(machines()).toEqual(before);
    await deleteSnapshot(life.deps, snapshot, unattended);
    return await images.pack(packed, context);
  };
  const deps = { ...life.deps, images: { ...images, pack } };
  const { fingerprint } = await publishImage(deps, asked('s'), unattended);
  const { problems } = await checkStorage(
    life.deps,
    { repair: false, isBusy: () => false },
    unattended,
  );
  expect(problems).toEqual([]);
  await launch(life, 'then', { source: { type: 'image', fingerprint } });
  const { output } = await shell(life, 'then', 'cat /root/note; stat -c %u:%g:%a /root/note');
  expect(output).toBe('then\n7:8:4711\n');
});
