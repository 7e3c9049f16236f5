import { readFile } from 'node:fs/promises';

import { WarrenError } from '../contract/errors.ts';
import type { Account, Grants } from './grants.ts';

/**
 * Why the host would refuse a user namespace, as its sysctls say. Undefined: this kernel has no
 * such file.
 */
export interface UsernsSettings {
  /** kernel.unprivileged_userns_clone: Debian's own switch. */
  readonly clone: string | undefined;
  /** user.max_user_namespaces. */
  readonly max: string | undefined;
  /** kernel.apparmor_restrict_unprivileged_userns: Ubuntu 23.10 and later. */
  readonly appArmor: string | undefined;
}

/** The settings of this host. */
export async function readUsernsSettings(): Promise<UsernsSettings> {
  const [clone, max, appArmor] = await Promise.all([
    readSetting('/proc/sys/kernel/unprivileged_userns_clone'),
    readSetting('/proc/sys/user/max_user_namespaces'),
    readSetting('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
  ]);
  return { clone, max, appArmor };
}

async function readSetting(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

const makeU0 = 'make the user namespace of your machines';

/**
 * The setting that forbids user namespaces to ordinary users, as an error; undefined when none
 * does.
 */
export function explainSettings({ clone, max, appArmor }: UsernsSettings): WarrenError | undefined {
  if (clone === '0') {
    return new WarrenError('host_lacks', {
      what: makeU0,
      found: 'kernel.unprivileged_userns_clone is 0',
      wanted: '1',
      hint: 'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    });
  }
  if (max === '0') {
    return new WarrenError('host_lacks', {
      what: makeU0,
      found: 'user.max_user_namespaces is 0',
      wanted: 'a few thousand',
      hint: 'sudo sysctl -w user.max_user_namespaces=15000',
    });
  }
  if (appArmor === '1') {
    return new WarrenError('host_lacks', {
      what: makeU0,
      found: 'AppArmor forbids user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)',
      wanted: 'a profile that allows them to unshare(1), or 0',
      hint: 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0',
    });
  }
  return undefined;
}

/** What unshare(1) failed with, by the setting that explains it or in its own words. */
export function explainUnshare(settings: UsernsSettings, output: string): WarrenError {
  const known = explainSettings(settings);
  if (known !== undefined) return known;
  const said = oneLine(output);
  return new WarrenError('host_lacks', {
    what: makeU0,
    found: said === '' ? 'unshare(1) ended without a word' : said,
    wanted: 'unprivileged user namespaces',
    hint: /no space left/i.test(output)
      ? 'sudo sysctl -w user.max_user_namespaces=15000'
      : 'warren doctor userns',
  });
}

/**
 * What newuidmap(1) or newgidmap(1) failed with. They print `… not allowed` for a range that is not
 * granted and `write to uid_map failed` when they lack privilege.
 */
export function explainMapping(
  program: 'newuidmap' | 'newgidmap',
  output: string,
  account: Account,
  installed: boolean,
): WarrenError {
  if (!installed) {
    return new WarrenError('host_lacks', {
      what: 'map your subordinate ids',
      found: `${program} is not installed`,
      wanted: 'the package uidmap (shadow-utils on Fedora)',
      hint: 'sudo apt install uidmap',
    });
  }
  if (/not allowed|Could not open|No subuid|No subgid/i.test(output)) {
    return new WarrenError('host_lacks', {
      what: 'map your subordinate ids',
      found: oneLine(output),
      wanted: `a grant for "${account.name}" in ${program === 'newuidmap' ? '/etc/subuid' : '/etc/subgid'}`,
      hint: addGrantsCommand(account.name, undefined),
    });
  }
  return new WarrenError('host_lacks', {
    what: 'map your subordinate ids',
    found: oneLine(output) || `${program} failed without a word`,
    wanted: `${program} with its setuid bit or file capabilities`,
    hint: `sudo chmod u+s "$(command -v ${program})"`,
  });
}

/** Refuses a user without any subordinate ids, before anything is made. */
export function explainGrants(
  { uid, gid }: Grants,
  account: Account,
  highest?: number,
): WarrenError | undefined {
  const missing = [
    uid.length === 0 ? '/etc/subuid' : '',
    gid.length === 0 ? '/etc/subgid' : '',
  ].filter(Boolean);
  if (missing.length === 0) return undefined;
  return new WarrenError('host_lacks', {
    what: 'map user ids',
    found: `${missing.join(' and ')} ${missing.length === 1 ? 'has' : 'have'} no range for "${account.name}"`,
    wanted: '65,536 subordinate ids for each isolated machine',
    hint: addGrantsCommand(account.name, highest, {
      uids: uid.length === 0,
      gids: gid.length === 0,
    }),
  });
}

/**
 * The administrator's line that grants one more slice. `highest` is the last id granted to anybody,
 * so that the proposed range is free.
 */
export function addGrantsCommand(
  user: string,
  highest: number | undefined,
  which: { readonly uids: boolean; readonly gids: boolean } = { uids: true, gids: true },
): string {
  const start = Math.max(100_000, (highest ?? 99_999) + 1);
  const range = `${start}-${start + 65_535}`;
  const options = [
    ...(which.uids ? [`--add-subuids ${range}`] : []),
    ...(which.gids ? [`--add-subgids ${range}`] : []),
  ];
  return `sudo usermod ${options.join(' ')} ${user}`;
}

/** The last id that /etc/subuid or /etc/subgid grants to anybody. */
export function highestGranted(...files: readonly string[]): number | undefined {
  const ends = files.flatMap((text) =>
    text.split('\n').flatMap((line) => {
      const [, start, count] = line.split(':').map(Number);
      return start === undefined || count === undefined || Number.isNaN(start + count)
        ? []
        : [start + count - 1];
    }),
  );
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** A program's last words as a clause. */
function oneLine(output: string): string {
  return output.trim().split('\n').slice(-2).join('; ').slice(-300);
}
