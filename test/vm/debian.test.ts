import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { Instance } from '../../src/contract/api/instances.ts';
import { inTime, openHost, patienceMs, type EmulatedHost } from './host.ts';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

test('a Debian machine boots in its scope, with nothing failed', async () => {
  const patience = { timeoutMs: patienceMs };
  await host.ok('warren image import /srv/warren/debian-12-minimal --alias debian', patience);
  await host.ok('warren init debian guest', patience);
  const daemon = await host.api();
  const path = apiPath('instances', 'guest');
  await daemon.operate('PUT', `${path}/state`, { action: 'start' });
  await inTime(async () => {
    expect(await host.exec('guest', 'systemctl is-system-running')).toBe(0);
  });
  expect(await daemon.get<Instance>(path)).toMatchObject({ status: 'Running' });
  // The image is too small to have free(1); this host is the same Debian.
  for (const file of ['/usr/bin/free', '/usr/lib/x86_64-linux-gnu/libproc2.so.0']) {
    await host.ok(`warren file push ${file} guest${file} --mode 0755`);
  }
  await daemon.operate('PATCH', path, { config: { 'limits.memory': '384MiB' } });
  const total = "free --kibi | awk '/^Mem:/ { print $2 }'";
  expect(await host.exec('guest', `[ "$(${total})" = ${384 * 1024} ]`)).toBe(0);
});
