import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { provideImage } from '../helpers/images.ts';
import { needs } from '../helpers/needs.ts';
import { openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror');

describe('a machine with the nesting profile', () => {
  let warren: Warren;
  const directory = mkdtempSync(join(homedir(), 'inner-'));

  beforeAll(async () => {
    warren = openWarren();
    await provideImage(warren, 'debian/12');
    await warren.ok(['launch', 'debian/12', 'dock', '-p', 'default', '-p', 'nesting']);
  }, 1_200_000);

  afterAll(async () => {
    rmSync(directory, { recursive: true });
    await warren[Symbol.asyncDispose]();
  });

  test("runs Debian's Docker and a container in it", { timeout: 900_000 }, async () => {
    const inside = (...command: string[]): Promise<string> =>
      warren.ok(['exec', 'dock', '--', ...command], { timeoutMs: 600_000 });
    await inside('apt-get', 'update', '-qq');
    await inside('apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'docker.io');
    await warren.ok(['file', 'push', busyboxImage(directory), 'dock/root/busybox.tar']);
    await inside('docker', 'import', '/root/busybox.tar', 'busybox:local');
    expect(
      await inside('docker', 'run', '--rm', 'busybox:local', '/bin/busybox', 'echo', 'inner'),
    ).toBe('inner\n');
    expect(await inside('docker', 'info', '--format', '{{.Driver}} {{.CgroupDriver}}')).toBe(
      'overlay2 systemd\n',
    );
  });
});

/** A root file system of one static program, as a tarball for `docker import`. */
function busyboxImage(directory: string): string {
  mkdirSync(join(directory, 'root/bin'), { recursive: true });
  cpSync('/bin/busybox', join(directory, 'root/bin/busybox'));
  chmodSync(join(directory, 'root/bin/busybox'), 0o755);
  const file = join(directory, 'busybox.tar');
  execFileSync('tar', ['-cf', file, '-C', join(directory, 'root'), '.']);
  return file;
}
