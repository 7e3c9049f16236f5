import { readFile } from 'node:fs/promises';

import { isWarrenError } from '../contract/errors.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Grant } from './types.ts';

/** Ids end at 2³²-2: the last value means "none". */
const maxId = 2 ** 32 - 2;

/** A user as the account database names it. */
export interface Account {
  readonly name: string;
  readonly uid: number;
}

export interface Grants {
  readonly uid: readonly Grant[];
  readonly gid: readonly Grant[];
}

/**
 * The subordinate ids of `account`, in the order in which the system lists them. getsubids(1) is
 * asked first, since grants may come from a directory service (`subid: sss` in nsswitch.conf);
 * without it /etc/subuid and /etc/subgid are read. Both lists may be empty.
 */
export async function readGrants(account: Account): Promise<Grants> {
  const [uid, gid] = await Promise.all([readSide(account, 'uid'), readSide(account, 'gid')]);
  return { uid, gid };
}

async function readSide(account: Account, side: 'uid' | 'gid'): Promise<Grant[]> {
  try {
    const args = side === 'gid' ? ['-g', account.name] : [account.name];
    // It exits with 1 for a user without grants.
    const { stdout } = await run('getsubids', args, {
      what: 'read subordinate ids',
      timeoutMs: 10_000,
      okExitCodes: [1],
    });
    return parseGetsubids(stdout);
  } catch (error) {
    if (!isWarrenError(error, 'program_failed')) throw error;
  }
  try {
    return parseSubidFile(await readFile(`/etc/sub${side}`, 'utf8'), account);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}

/** Lines of getsubids(1): `0: anna 100000 65536`. */
export function parseGetsubids(text: string): Grant[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\d+: \S+ (\d+) (\d+)$/.exec(line.trim());
    return match === null ? [] : toGrant(match[1], match[2]);
  });
}

/** Lines of subuid(5): `anna:100000:65536`, or with the numeric uid. */
export function parseSubidFile(text: string, { name, uid }: Account): Grant[] {
  return text.split('\n').flatMap((line) => {
    const [owner, start, count, ...more] = line.trim().split(':');
    if ((owner !== name && owner !== `${uid}`) || more.length > 0) return [];
    return toGrant(start, count);
  });
}

/** One grant, or none when the numbers are no ids. */
function toGrant(startText: string | undefined, countText: string | undefined): Grant[] {
  const decimal = /^\d{1,10}$/;
  if (!decimal.test(startText ?? '') || !decimal.test(countText ?? '')) return [];
  const start = Number(startText);
  const count = Math.min(Number(countText), maxId - start + 1);
  return start > maxId || count < 1 ? [] : [{ start, count }];
}
