import { afterAll, beforeAll, expect, it } from 'vitest';

import { publishImage } from '../../../../src/engine/images/publish.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
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

it('a published image holds none', async () => {
  const { fingerprint } = await publishImage(
    life.deps,
    {
      project: 'default',
      instance: 'web',
      snapshot: undefined,
      properties: undefined,
      public: false,
      expiresAtMs: undefined,
      compression: undefined,
      aliases: [],
    },
    unattended,
  );
  await launch(life, 'other', { source: { type: 'image', fingerprint } });
  expect((await shell(life, 'other', 'ls -A /etc/ssh')).output).toBe('');
});
