import type { IdRange } from '../base/id-layout.ts';

/** A run of subordinate ids granted to the user (`/etc/subuid`), host ids. */
export interface Grant {
  readonly start: number;
  readonly count: number;
}

/**
 * One line of a uid_map or gid_map: `count` ids from `inside` are `outside` in the parent
 * namespace.
 */
export interface IdMapExtent {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

export interface IdMap {
  readonly uid: readonly IdMapExtent[];
  readonly gid: readonly IdMapExtent[];
}

/** The U0 ids one machine owns. */
export type Slice = IdRange;
