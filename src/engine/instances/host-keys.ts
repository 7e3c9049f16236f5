import { generateKeyPair, randomInt, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { guestPath } from '../../base/brand.ts';
import { formatOpensshKey } from '../../base/openssh-key.ts';
import { isWarrenError } from '../../contract/errors.ts';
import type { GuestFiles, GuestStat } from '../../storage/types.ts';

const generate = promisify(generateKeyPair);

/** What sshd looks for when its configuration names no keys, made as ssh-keygen makes it. */
const makers: Readonly<Record<string, () => Promise<{ readonly privateKey: KeyObject }>>> = {
  rsa: () => generate('rsa', { modulusLength: 3072 }),
  ecdsa: () => generate('ec', { namedCurve: 'P-256' }),
  ed25519: () => generate('ed25519'),
};

/** Kinds that were made once and are not any more, and each file that goes with a kind. */
const oldKinds = ['dsa'];
const suffixes = ['', '.pub', '-cert.pub'];

/**
 * Gives a machine that has OpenSSH's server host keys that no other machine has. The daemon makes
 * them itself: Debian makes them only when the package is installed, other systems at boot, and so
 * neither the guest's init nor a program of it matters. Keys that came with the image are replaced,
 * kind by kind; where there are none, all three kinds are made.
 */
export async function renewHostKeys(files: GuestFiles, hostname: string): Promise<void> {
  if (!(await isDirectory(files, '/etc/ssh'))) return;
  const present: string[] = [];
  for (const kind of [...Object.keys(makers), ...oldKinds]) {
    for (const suffix of suffixes) {
      const path = `/etc/ssh/ssh_host_${kind}_key${suffix}`;
      const stat = await find(files, path);
      if (stat === undefined || stat.type === 'directory') continue;
      await files.remove(guestPath(path));
      if (suffix === '') present.push(kind);
    }
  }
  if (present.length === 0 && (await find(files, '/usr/sbin/sshd')) === undefined) return;
  const kinds = Object.entries(makers).filter(
    ([kind]) => present.length === 0 || present.includes(kind),
  );
  await Promise.all(
    kinds.map(async ([kind, make]) => {
      const { privateKey } = await make();
      const key = formatOpensshKey(
        privateKey.export({ format: 'jwk' }),
        `root@${hostname}`,
        randomInt(2 ** 32),
      );
      const path = `/etc/ssh/ssh_host_${kind}_key`;
      const owner = { uid: 0, gid: 0 };
      await files.write(guestPath(path), key.privateText, { ...owner, mode: 0o600 });
      await files.write(guestPath(`${path}.pub`), key.publicText, { ...owner, mode: 0o644 });
    }),
  );
}

/** Also by way of links. */
async function isDirectory(files: GuestFiles, path: string): Promise<boolean> {
  return (await find(files, `${path}/.`))?.type === 'directory';
}

async function find(files: GuestFiles, path: string): Promise<GuestStat | undefined> {
  try {
    return await files.stat(guestPath(path));
  } catch (error) {
    if (isWarrenError(error, 'not_found')) return undefined;
    throw error;
  }
}
