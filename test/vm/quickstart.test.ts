import { afterAll, beforeAll, expect, test } from 'vitest';

import { openHost, type EmulatedHost } from './host.ts';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const quickstart = (options: string): Promise<string> =>
  host.root(`sh /srv/warren/package/src/setup/quickstart.sh ${options} 2>&1`);

const initOfFirst = async (): Promise<string> =>
  (await host.ok("warren list '^first$' --columns sp --format csv")).trim();

test('quickstart again leaves the machine that runs alone', async () => {
  const before = await initOfFirst();
  expect(before).toMatch(/^running,\d+$/i);
  const told = await quickstart('--image busybox');
  expect(told).toContain('The machine belongs to the ordinary user "warren"');
  expect(told).toContain('hello from first');
  expect(await initOfFirst()).toBe(before);
});

test('its removal leaves nothing: no machine, program, user, process, directory or unit', async () => {
  await host.logOut();
  const told = await quickstart('--remove');
  expect(told).toContain('they are deleted, and the daemon has stopped');
  const left = await host.root(`
    {
      getent passwd warren
      grep warren /etc/subuid /etc/subgid
      ls -d /opt/warren /usr/local/bin/warren /home/warren /run/user/1000
      ps -eo pid,user,args | grep '[w]arren' | grep -v /srv/warren
      grep warren /proc/self/mountinfo
      ls -d /sys/fs/cgroup/user.slice/user-1000.slice
      ls /var/lib/systemd/linger
    } 2>/dev/null || true`);
  expect(left).toBe('');
});
