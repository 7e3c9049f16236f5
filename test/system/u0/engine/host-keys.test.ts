import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import { renewHostKeys } from '../../../../src/engine/instances/host-keys.ts';
import { plainRoot } from '../../../../src/storage/files/file-root.ts';
import { openGuestFiles } from '../../../../src/storage/files/guest-files.ts';

const owner = { start: 1, size: 65_536 };
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'wkeys-'));
  lchownSync(root, owner.start, owner.start);
  for (const path of ['etc', 'usr', 'usr/sbin']) make(path);
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function make(path: string, content?: string): void {
  const full = join(root, path);
  if (content === undefined) mkdirSync(full);
  else writeFileSync(full, content);
  lchownSync(full, owner.start, owner.start);
}

async function renew(hostname = 'web'): Promise<void> {
  using files = openGuestFiles(plainRoot(hostPath(root)), owner, root);
  await renewHostKeys(files, hostname);
}

const keys = (): string[] => readdirSync(join(root, 'etc/ssh')).sort();
const read = (name: string): string => readFileSync(join(root, 'etc/ssh', name), 'utf8');

/** What OpenSSH itself makes of a private key: its public half. */
function publicHalf(name: string): string {
  const copy = join(root, 'key');
  writeFileSync(copy, read(name), { mode: 0o600 });
  return execFileSync('ssh-keygen', ['-y', '-P', '', '-f', copy], { encoding: 'utf8' });
}

describe('host keys of a new machine', () => {
  it('are made when it has a server and no keys, as OpenSSH reads them', async () => {
    make('etc/ssh');
    make('usr/sbin/sshd', '');
    await renew();
    const kinds = ['ecdsa', 'ed25519', 'rsa'].map((kind) => `ssh_host_${kind}_key`);
    expect(keys()).toEqual(kinds.flatMap((name) => [name, `${name}.pub`]));
    for (const name of kinds) {
      expect(publicHalf(name)).toBe(read(`${name}.pub`));
      expect(read(`${name}.pub`)).toMatch(/ root@web\n$/);
      const { mode, uid, gid } = statSync(join(root, 'etc/ssh', name));
      expect({ mode: mode & 0o7777, uid, gid }).toEqual({
        mode: 0o600,
        uid: owner.start,
        gid: owner.start,
      });
    }
  });

  it('replace those that came with the image, kind by kind', async () => {
    make('etc/ssh');
    make('etc/ssh/sshd_config', 'Port 22\n');
    for (const name of ['ed25519_key', 'ed25519_key.pub', 'ed25519_key-cert.pub', 'dsa_key']) {
      make(`etc/ssh/ssh_host_${name}`, 'of everybody');
    }
    await renew();
    expect(keys()).toEqual(['ssh_host_ed25519_key', 'ssh_host_ed25519_key.pub', 'sshd_config']);
    expect(publicHalf('ssh_host_ed25519_key')).toBe(read('ssh_host_ed25519_key.pub'));
    const first = read('ssh_host_ed25519_key');
    await renew();
    expect(read('ssh_host_ed25519_key')).not.toBe(first);
  });

  it('are right in every byte, also of numbers whose highest bits are set or not', async () => {
    make('etc/ssh');
    make('etc/ssh/ssh_host_ecdsa_key', '');
    for (let round = 0; round < 16; round++) {
      await renew();
      expect(publicHalf('ssh_host_ecdsa_key')).toBe(read('ssh_host_ecdsa_key.pub'));
    }
  });

  it.each([
    ['it has no server', () => undefined],
    [
      'it has a client alone',
      () => {
        make('etc/ssh');
      },
    ],
    [
      '/etc/ssh is a file',
      () => {
        make('etc/ssh', 'odd');
        make('usr/sbin/sshd', '');
      },
    ],
  ])('are none when %s', async (_, lay) => {
    lay();
    const before = readdirSync(root, { recursive: true }).sort();
    await renew();
    expect(readdirSync(root, { recursive: true }).sort()).toEqual(before);
  });

  it('are written into the machine alone, wherever its links lead', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'woutside-'));
    try {
      writeFileSync(join(outside, 'ssh_host_rsa_key'), 'the host’s');
      make('srv');
      symlinkSync(outside, join(root, 'etc/ssh'));
      await renew();
      mkdirSync(join(root, outside), { recursive: true });
      rmSync(join(root, 'etc/ssh'));
      make('etc/ssh');
      symlinkSync(join(outside, 'ssh_host_rsa_key'), join(root, 'etc/ssh/ssh_host_rsa_key'));
      await renew();
      expect(readFileSync(join(outside, 'ssh_host_rsa_key'), 'utf8')).toBe('the host’s');
      expect(existsSync(join(outside, 'ssh_host_rsa_key.pub'))).toBe(false);
      expect(publicHalf('ssh_host_rsa_key')).toBe(read('ssh_host_rsa_key.pub'));
    } finally {
      rmSync(outside, { recursive: true, force: true });
    }
  });
});
