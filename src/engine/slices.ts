import { readFileSync } from 'node:fs';

import { compactSize, rangesOverlap } from '../base/id-layout.ts';
import type { StringMap } from '../contract/api/instances.ts';
import { readBool, readInteger, readString } from '../contract/config/read.ts';
import { WarrenError } from '../contract/errors.ts';
import type { SliceRecord } from '../store/records.ts';
import { parseSubidFile } from '../userns/grants.ts';
import { countIds } from '../userns/idmap.ts';
import { planU0 } from '../userns/plan.ts';
import { SLICE_SIZE, sliceAt } from '../userns/slices.ts';
import type { Grant, IdMap } from '../userns/types.ts';
import type { EngineDeps } from './types.ts';

/** What a machine's config asks of its ids. */
export interface SliceWish {
  /** Undefined: isolated when the grant is large enough. Ids of a number or a place of their own are. */
  readonly isolated: boolean | undefined;
  readonly size: number | undefined;
  readonly base: number | undefined;
}

/** Subordinate ids that U0 holds on both sides: they are its 1 … this. */
export function grantedIds(u0: IdMap): number {
  const subordinate = (map: IdMap['uid']): number =>
    countIds(map.filter(({ inside }) => inside > 0));
  return Math.min(subordinate(u0.uid), subordinate(u0.gid));
}

/**
 * Chooses ids for a machine among those that no other has. The first slice is the shared one; it is
 * left to machines that share while there is room above it. Undefined when there is no room.
 * `preferred` are starts to take first when they are free: slices that have a copy of the image.
 */
export function planSlice(
  taken: readonly SliceRecord[],
  granted: number,
  wish: SliceWish,
  preferred: readonly number[] = [],
): SliceRecord | undefined {
  const size = wish.size ?? SLICE_SIZE;
  const isFree = (start: number): boolean =>
    start >= 1 &&
    start + size - 1 <= granted &&
    !taken.some((other) => rangesOverlap(other, { start, size }));

  if (wish.base !== undefined) {
    return isFree(wish.base) ? { start: wish.base, size, isolated: true } : undefined;
  }
  const shared = planShared(taken, granted);
  if (wish.isolated === false) return shared;
  if (wish.isolated === undefined && wish.size === undefined && granted < 2 * SLICE_SIZE) {
    return shared;
  }
  const first = sliceAt(0);
  const above = first.start + first.size;
  const candidates = [
    ...preferred.filter((start) => start >= above),
    above,
    ...taken.map((other) => other.start + other.size).filter((start) => start >= above),
    // Small slices may use the shared range as long as nobody shares it.
    ...(wish.isolated === true
      ? [first.start, ...taken.map((other) => other.start + other.size)]
      : []),
  ];
  const start = candidates.find(isFree);
  if (start !== undefined) return { start, size, isolated: true };
  return wish.isolated === undefined ? shared : undefined;
}

function planShared(taken: readonly SliceRecord[], granted: number): SliceRecord | undefined {
  const slice = sliceAt(0);
  if (granted < slice.size) return undefined;
  const isTaken = taken.some((other) => other.isolated && rangesOverlap(other, slice));
  return isTaken ? undefined : { ...slice, isolated: false };
}

/** What the expanded config of a machine asks for. */
export function readSliceWish(config: StringMap): SliceWish {
  const size =
    readString(config, 'security.idmap.size') === 'compact'
      ? compactSize
      : readInteger(config, 'security.idmap.size');
  const base = readInteger(config, 'security.idmap.base');
  const isOwn = size !== undefined || base !== undefined ? true : undefined;
  return { isolated: readBool(config, 'security.idmap.isolated') ?? isOwn, size, base };
}

/** Whether a machine may keep its ids. What is not asked for may be as it is, but for the number. */
export function isWished(slice: SliceRecord, { isolated, size, base }: SliceWish): boolean {
  if (base !== undefined && slice.start !== base) return false;
  if (isolated !== undefined && slice.isolated !== isolated) return false;
  return isolated === false || slice.size === (size ?? SLICE_SIZE);
}

/**
 * Chooses ids that nobody has or is about to have; `own` are those of a machine that leaves them, which they may
 * overlap unless others share them. Throws `host_lacks`.
 */
export function chooseSlice(
  deps: Pick<EngineDeps, 'store' | 'ids' | 'live'>,
  name: string,
  wish: SliceWish,
  preferred: readonly number[] = [],
  own?: SliceRecord,
): SliceRecord {
  const left = own?.isolated === true ? own.start : undefined;
  const taken = [...deps.store.slices.list(), ...deps.live.heldSlices].filter(
    ({ start }) => start !== left,
  );
  const granted = grantedIds(deps.ids.u0);
  const slice = planSlice(taken, granted, wish, preferred);
  if (slice === undefined) throw lacksIds(deps, name, wish, taken, granted);
  return slice;
}

/** Takes ids for a machine; call it in the transaction that inserts the machine. Throws `host_lacks`. */
export function allocateSlice(
  deps: Pick<EngineDeps, 'store' | 'ids' | 'live'>,
  name: string,
  wish: SliceWish,
  preferred: readonly number[] = [],
): { readonly id: number; readonly slice: SliceRecord } {
  const slice = chooseSlice(deps, name, wish, preferred);
  return { id: recordSlice(deps, slice), slice };
}

/** The row of a chosen slice: that of the ids from there, or a new one. Call it in a transaction. */
export function recordSlice({ store }: Pick<EngineDeps, 'store'>, slice: SliceRecord): number {
  const existing = store.slices.list().find(({ start }) => start === slice.start);
  if (existing === undefined) return store.slices.insert(slice);
  // Shared by all, or left by the machine that is to have more or less of it.
  store.slices.change(existing.id, slice);
  return existing.id;
}

function lacksIds(
  deps: Pick<EngineDeps, 'ids'>,
  name: string,
  wish: SliceWish,
  taken: readonly SliceRecord[],
  granted: number,
): WarrenError {
  const size = wish.size ?? SLICE_SIZE;
  const used = taken.reduce((sum, slice) => sum + slice.size, 0);
  const isolated = wish.isolated !== false;
  const first = nextSubordinateId();
  const range = `${first}-${first + size - 1}`;
  return new WarrenError('host_lacks', {
    what: `give ${name} ${isolated ? 'ids of its own' : 'ids'}`,
    found: `${deps.ids.user} is granted ${granted} subordinate ids and machines have ${used} of them`,
    wanted: isolated
      ? `${size} more, beside the ${SLICE_SIZE} that machines share`
      : `${SLICE_SIZE}`,
    hint:
      grantedByFiles(deps.ids) > granted
        ? 'warren daemon stop --machines    (the next start takes up what was granted since the last)'
        : `sudo usermod --add-subuids ${range} --add-subgids ${range} ${deps.ids.user}`,
  });
}

/** How many ids the files grant now: U0 has those of when it was made. 0 where grants come from elsewhere. */
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
