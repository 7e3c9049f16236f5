import { ok, readNumber, warning, type Check } from './check.ts';

/** About how many of them a Debian with systemd takes. */
const inotifyInstancesPerMachine = 9;

const settings = [
  {
    key: 'fs.inotify.max_user_instances',
    enough: 512,
    propose: 1024,
    effect: (found: number) =>
      `about ${Math.floor(found / inotifyInstancesPerMachine)} machines with systemd before they boot degraded`,
  },
  {
    key: 'kernel.keys.maxkeys',
    enough: 1000,
    propose: 2000,
    effect: () => 'session keys run out with many machines',
  },
  {
    key: 'user.max_user_namespaces',
    enough: 500,
    propose: 15_000,
    effect: () => 'each machine needs one, and what runs in it more',
  },
] as const;

/** Per-user caps of the kernel that many machines run into. */
export const checkLimits: Check = () => {
  const low = settings.flatMap((setting) => {
    const found = readNumber(`/proc/sys/${setting.key.replaceAll('.', '/')}`);
    return found === undefined || found >= setting.enough ? [] : [{ ...setting, found }];
  });
  if (low.length === 0) return ok('kernel caps: inotify, keys, namespaces');
  return warning(
    low.map(({ key, found, effect }) => `${key} is ${found}: ${effect(found)}`).join('; '),
    `sudo sysctl -w ${low.map(({ key, propose }) => `${key}=${propose}`).join(' ')}`,
  );
};
