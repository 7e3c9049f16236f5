import { guestPath } from '../../base/brand.ts';
import { isWarrenError } from '../../contract/errors.ts';
import type { GuestFiles } from '../../storage/types.ts';
import { renewHostKeys } from './host-keys.ts';

const maxHostsBytes = 256 * 1024;
const hostnameFile = guestPath('/etc/hostname');
const hostsFile = guestPath('/etc/hosts');
const machineIdFile = guestPath('/etc/machine-id');

/** Files with which a fresh machine makes its own identity; see `volatile.apply_template`. */
export type IdentityTrigger = 'create' | 'copy' | 'rename';

/**
 * Gives a machine an identity of its own, while it does not run. `create` and `copy` take away what
 * it shares with whatever it was made from: an empty machine-id makes systemd take the container's
 * uuid (an absent one would make it a first boot), and ssh host keys are made anew. `rename` only
 * follows the name.
 */
export async function writeIdentity(
  files: GuestFiles,
  hostname: string,
  trigger: IdentityTrigger,
): Promise<void> {
  if ((await typeOf(files, '/etc')) === undefined) return;
  await replace(files, hostnameFile, `${hostname}\n`);
  await writeHosts(files, hostname);
  if (trigger === 'rename') return;
  if ((await typeOf(files, '/etc/machine-id')) !== undefined) {
    await replace(files, machineIdFile, '', 0o444);
  }
  // A link to /etc/machine-id, as systems with systemd have it, is right already.
  if ((await typeOf(files, '/var/lib/dbus/machine-id')) === 'file') {
    await files.remove(guestPath('/var/lib/dbus/machine-id'));
  }
  await renewHostKeys(files, hostname);
}

async function writeHosts(files: GuestFiles, hostname: string): Promise<void> {
  let text = '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n';
  if ((await typeOf(files, '/etc/hosts')) === 'file') {
    text = await files.readText(hostsFile, maxHostsBytes);
  }
  await replace(files, hostsFile, withOwnName(text, hostname));
}

/** The text with its 127.0.1.1 line, which names the machine itself, set right or added. */
function withOwnName(text: string, hostname: string): string {
  const own = `127.0.1.1\t${hostname}`;
  const lines = text.replace(/\n$/, '').split('\n');
  const index = lines.findIndex((line) => /^\s*127\.0\.1\.1\s/.test(line));
  if (index >= 0) return `${lines.with(index, own).join('\n')}\n`;
  const localhost = lines.findIndex((line) => /^\s*127\.0\.0\.1\s/.test(line));
  return `${lines.toSpliced(localhost + 1, 0, own).join('\n')}\n`;
}

/** Removed and made anew, so that neither a link nor an odd mode of the image's decides. */
async function replace(
  files: GuestFiles,
  path: ReturnType<typeof guestPath>,
  text: string,
  mode = 0o644,
): Promise<void> {
  if ((await typeOf(files, path)) !== undefined) await files.remove(path);
  await files.write(path, text, { uid: 0, gid: 0, mode });
}

async function typeOf(files: GuestFiles, path: string): Promise<string | undefined> {
  try {
    return (await files.stat(guestPath(path))).type;
  } catch (error) {
    if (isWarrenError(error, 'not_found')) return undefined;
    throw error;
  }
}
