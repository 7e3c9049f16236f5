import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { root } from '../helpers/warren.ts';
import { startEmulator } from './emulator.ts';
import { openHost, type HostAddress } from './host.ts';

import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly vm: HostAddress;
  }
}

/** Of everything from the first instruction to the last test. */
const limitMs = 30 * 60_000;

/**
 * Boots the emulated host for all test files and installs the packed program there as the README tells
 * its administrator to. Answers how to end it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const base = buildBase();
  const directory = mkdtempSync(join(homedir(), 'vm-'));
  const secondDisk = packProgram(directory);
  const emulator = await startEmulator({ base, secondDisk, directory, limitMs });
  const end = async (): Promise<void> => {
    await emulator[Symbol.asyncDispose]();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const address = { port: emulator.sshPort, key: join(base, 'key'), monitor: emulator.monitor };
    await using host = await openHost(address);
    say('booted');
    await host.root(`
      mkdir /srv/warren
      tar -xf /dev/vdb -C /srv/warren
      tar -xzf /srv/warren/warren-*.tgz -C /srv/warren
      sh /srv/warren/package/src/setup/quickstart.sh --image busybox
      install -D -o warren -g warren -m 0600 /root/.ssh/authorized_keys ~warren/.ssh/authorized_keys`);
    say('installed');
    project.provide('vm', address);
    return end;
  } catch (error) {
    process.stderr.write(`${emulator.consoleTail()}\n`);
    await end();
    throw error;
  }
}

/** The directory of the host's disk, built where it is not in the cache. */
function buildBase(): string {
  const cache = join(homedir(), 'images');
  return execFileSync('sh', [join(root, 'test/vm/base.sh'), cache], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

/** A disk that is a tar archive with the tarball of `npm pack`. */
function packProgram(directory: string): string {
  const content = join(directory, 'program');
  mkdirSync(content);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', content], { cwd: root });
  const disk = join(directory, 'program.tar');
  execFileSync('tar', ['-cf', disk, '-C', content, '.']);
  rmSync(content, { recursive: true });
  return disk;
}

const startedMs = performance.now();

function say(what: string): void {
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  process.stderr.write(`emulated host: ${what} after ${seconds} s\n`);
}
