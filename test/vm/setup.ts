import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { imageFile } from '../helpers/images.ts';
import { root } from '../helpers/warren.ts';
import { startEmulator } from './emulator.ts';
import { connect, type SavedHost } from './host.ts';

import type { TestProject } from 'vitest/node';

declare module 'vitest' {
  interface ProvidedContext {
    readonly vm: SavedHost;
  }
}

/** Of everything up to the installed program. */
const limitMs = 20 * 60_000;

/**
 * Boots an emulated host, installs the packed program there as the README tells its administrator
 * to, and keeps its disk and memory as files, from which each test file has a host of its own
 * within seconds. Answers how to remove them.
 */
export async function setup(project: TestProject): Promise<() => void> {
  const base = buildBase();
  const directory = mkdtempSync(join(homedir(), 'vm-'));
  const remove = (): void => {
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const secondDisk = await fillDisk(directory);
    const disk = join(directory, 'disk');
    execFileSync('cp', ['--sparse=always', '--reflink=auto', join(base, 'disk'), disk]);
    const state = join(directory, 'state');
    const saved = { base, disk, secondDisk, state };
    say('the program is packed');
    await provision(saved, directory);
    project.provide('vm', saved);
    return remove;
  } catch (error) {
    remove();
    throw error;
  }
}

async function provision(saved: SavedHost, directory: string): Promise<void> {
  const { base, disk, secondDisk, state } = saved;
  const input = { base, disk, secondDisk, directory, limitMs, keepsWrites: true };
  await using emulator = await startEmulator(input);
  try {
    {
      await using host = await connect(emulator, { key: join(base, 'key'), directory });
      say('booted');
      await host.root(`
        mkdir /srv/warren
        tar -xf /dev/vdb -C /srv/warren
        chmod -R a+rX /srv/warren
        tar -xzf /srv/warren/warren-*.tgz -C /srv/warren
        sh /srv/warren/package/src/setup/quickstart.sh --image busybox
        install -D -o warren -g warren -m 0600 /root/.ssh/authorized_keys ~warren/.ssh/authorized_keys
        systemctl is-system-running --wait`);
    }
    say('installed');
    await emulator.saveState(state);
    say('saved');
  } catch (error) {
    process.stderr.write(`${emulator.consoleTail()}\n`);
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

/**
 * A disk that is a tar archive with the tarball of `npm pack` and the image of a Debian machine.
 */
async function fillDisk(directory: string): Promise<string> {
  const content = join(directory, 'program');
  mkdirSync(content);
  execFileSync('npm', ['pack', '--silent', '--pack-destination', content], { cwd: root });
  copyFileSync(await imageFile('debian/12/minimal'), join(content, 'debian-12-minimal'));
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
