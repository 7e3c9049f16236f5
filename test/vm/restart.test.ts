import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { Instance } from '../../src/contract/api/instances.ts';
import { inTime, openHost, scopeOf, type EmulatedHost } from './host.ts';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
  // The service takes over a machine that runs already: it has to be stopped as well as any other.
  await host.launch('ran');
  await host.ok('warren daemon install');
  const script = '#!/bin/sh\\n[ "$1" != stop ] || echo well >/stopped\\n';
  const path = '/etc/init.d/S99mark';
  expect(await host.exec('ran', `printf '${script}' >${path} && chmod +x ${path}`)).toBe(0);
  const daemon = await host.api();
  for (const [name, config] of [
    ['wanted', { 'boot.autostart': 'true' }],
    ['rested', {}],
  ] as const) {
    const source = { type: 'image', alias: 'busybox' };
    await daemon.operate('POST', apiPath('instances'), { name, source, config });
  }
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

test('a restart of the host shuts machines down well and brings them back, though nobody logs in', async () => {
  await host.restart();
  const isThere = (name: string): Promise<string> =>
    host.root(`cat ${scopeOf(name)}/cgroup.procs 2>/dev/null || true`);
  await inTime(async () => {
    expect(await isThere('ran')).not.toBe('');
    expect(await isThere('wanted')).not.toBe('');
  });
  expect(await isThere('rested')).toBe('');
  expect(await host.root('loginctl show-user warren -p State -p Sessions')).toMatch(
    /State=lingering\nSessions=\n|Sessions=\nState=lingering\n/,
  );
  const daemon = await host.api();
  const rows = await daemon.get<Instance[]>('/1.0/instances', { recursion: 1 });
  const status = Object.fromEntries(rows.map((row) => [row.name, row.status]));
  expect(status).toMatchObject({ ran: 'Running', wanted: 'Running', rested: 'Stopped' });
  expect(await host.exec('ran', 'cat /stopped')).toBe(0);
});
