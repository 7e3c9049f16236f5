import { readFileSync } from 'node:fs';

import { compactSize } from '../base/id-layout.ts';
import { WarrenError } from '../contract/errors.ts';
import type { SliceRecord } from '../store/records.ts';
import { parseSubidFile } from '../userns/grants.ts';
import { planU0 } from '../userns/plan.ts';
import { sliceSize } from '../userns/slices.ts';
import type { Grant, IdMap } from '../userns/types.ts';
import { grantedIds, planSlice, type SliceWish } from './slice-plan.ts';
import type { EngineDeps } from './types.ts';

/**
 * The error for ids that cannot be had, with what would help: what was granted since U0 was made,
 * the compact layout where there is room for it, or a larger grant.
 */
export function lacksIds(
  ids: EngineDeps['ids'],
  name: string,
  wish: SliceWish,
  taken: readonly SliceRecord[],
  granted: number,
): WarrenError {
  const size = wish.size ?? sliceSize;
  const used = taken.reduce((sum, slice) => sum + slice.size, 0);
  const shares = taken.some(({ isolated }) => !isolated);
  const isOwn = wish.isolated === true;
  if (wish.base !== undefined) {
    const isBeyond = wish.base < 1 || wish.base + size - 1 > granted;
    return new WarrenError('host_lacks', {
      what: `give ${name} ids ${wish.base} to ${wish.base + size - 1} of those that ${ids.user} is granted`,
      found: isBeyond ? `there are ${granted}` : 'other machines have some of these',
      wanted: `a place for ${size} that no machine has, from 1 on`,
      hint: remedy(ids, wish, taken, granted),
    });
  }
  return new WarrenError('host_lacks', {
    what: `give ${name} ${isOwn ? 'ids of its own' : 'ids'}`,
    found: `${ids.user} is granted ${granted} subordinate ids and machines have ${used} of them`,
    wanted: `${size}${used > 0 ? ' more' : ''}${shares ? `, beside the ${sliceSize} that machines share` : ''}`,
    hint: remedy(ids, wish, taken, granted),
  });
}

function remedy(
  ids: EngineDeps['ids'],
  wish: SliceWish,
  taken: readonly SliceRecord[],
  granted: number,
): string {
  if (planSlice(taken, grantedByFiles(ids), wish) !== undefined) {
    return 'warren daemon stop --machines    (the next start takes up what was granted since the last)';
  }
  if (wish.base !== undefined)
    return 'warren help idmaps    (without security.idmap.base warren finds a place)';
  const compact = { isolated: true, size: compactSize, base: undefined };
  if (wish.size === undefined && planSlice(taken, granted, compact) !== undefined) {
    return 'warren help idmaps    (with security.idmap.size=compact there is room)';
  }
  const first = nextSubordinateId();
  const range = `${first}-${first + (wish.size ?? sliceSize) - 1}`;
  return `sudo usermod --add-subuids ${range} --add-subgids ${range} ${ids.user}`;
}

/**
 * How many ids the files grant now: U0 has those of when it was made. 0 where grants come from
 * elsewhere.
 */
function grantedByFiles({ user, u0 }: EngineDeps['ids']): number {
  const own = (map: IdMap['uid']): number => map.find(({ inside }) => inside === 0)?.outside ?? 0;
  const uid = own(u0.uid);
  const grantsIn = (file: string): Grant[] =>
    parseSubidFile(readLines(file).join('\n'), { name: user, uid });
  const [uidGrants, gidGrants] = [grantsIn('/etc/subuid'), grantsIn('/etc/subgid')];
  return grantedIds(planU0({ uid, gid: own(u0.gid), uidGrants, gidGrants }));
}

/** The first id above every range of this host, for the line that an administrator types. */
function nextSubordinateId(): number {
  let next = 100_000;
  for (const file of ['/etc/subuid', '/etc/subgid']) {
    for (const line of readLines(file)) {
      const [, start, count] = line.split(':');
      const end = Number(start) + Number(count);
      if (Number.isSafeInteger(end) && end > next) next = end;
    }
  }
  return next;
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch {
    // Grants may come from a directory service; then there is no file to look at.
    return [];
  }
}
