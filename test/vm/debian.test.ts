import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { Instance } from '../../src/contract/api/instances.ts';
import { eventually } from '../helpers/warren.ts';
import { openHost, type EmulatedHost } from './host.ts';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

test('a Debian machine boots in its scope, with nothing failed', async () => {
  const patience = { timeoutMs: 280_000 };
  await host.ok('warren image import /srv/warren/debian-12-minimal --alias debian', patience);
  await host.ok('warren init debian guest', patience);
  const daemon = await host.api();
  const path = apiPath('instances', 'guest');
  await daemon.operate('PUT', `${path}/state`, { action: 'start' });
  await eventually(async () => {
    expect(await host.exec('guest', 'systemctl is-system-running')).toBe(0);
  }, 240_000);
  expect(await daemon.get<Instance>(path)).toMatchObject({ status: 'Running' });
});
