import { textFile, type GuestChanges } from './entries.ts';

/**
 * What an image must not carry over from its making: identities, which each machine gets for
 * itself, traces of the build, and settings that only the build needed.
 */
export const withoutTraces: GuestChanges = {
  removals: [
    'etc/hostname',
    'etc/resolv.conf',
    'etc/machine-id',
    'var/lib/dbus/machine-id',
    'etc/apt/apt.conf.d/99mmdebstrap',
    'etc/.pwd.lock',
    'var/log/alternatives.log',
    'var/log/apt',
    'var/log/bootstrap.log',
    'var/log/dpkg.log',
    'var/cache/debconf/config.dat-old',
    'var/cache/debconf/templates.dat-old',
    'var/cache/ldconfig/aux-cache',
    'var/lib/apt/lists/lock',
    'var/cache/apt/archives/lock',
    'var/lib/systemd/random-seed',
  ],
  // Empty and not absent: systemd then makes one at boot without taking it for a first boot.
  entries: [textFile('etc/machine-id', [], 0o444)],
};

/** How this host's apt reaches its mirror, so that the machine's does too. */
export function aptSettings(lines: readonly string[]): GuestChanges {
  if (lines.length === 0) return { removals: [], entries: [] };
  const header = '// From the host that built this image.';
  return {
    removals: [],
    entries: [textFile('etc/apt/apt.conf.d/90host', [header, ...lines])],
  };
}
