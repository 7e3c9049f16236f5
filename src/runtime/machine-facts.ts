import { readFileSync } from 'node:fs';

import { WarrenError } from '../contract/errors.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { bootIdPath } from './oci/mounts.ts';
import type { OciIdMapping, OciRlimit, OciSpec } from './oci/types.ts';

/** What `exec` must know of a machine that an earlier daemon may have made. */
export interface MachineFacts {
  readonly noNewPrivileges: boolean;
  readonly uidMappings: readonly OciIdMapping[];
  readonly gidMappings: readonly OciIdMapping[];
  /** Those of init. Who enters a machine has the daemon's own until these are set. */
  readonly rlimits: readonly OciRlimit[];
  /** Its procfs has to stay as it is. */
  readonly nesting: boolean;
}

/** From the `config.json` we wrote ourselves. Throws `wrong_state` when the machine has none. */
export function readFacts(bundleDir: string, name: string): MachineFacts {
  let text: string;
  try {
    text = readFileSync(`${bundleDir}/config.json`, 'utf8');
  } catch (error) {
    if (!hasErrno(error, 'ENOENT')) throw error;
    const details = { name, action: 'run a command in', state: 'stopped', wanted: 'running' };
    throw new WarrenError('wrong_state', details, { cause: error });
  }
  return factsOf(JSON.parse(text) as OciSpec);
}

/** The facts in a machine's OCI document, be it new or read back. */
export function factsOf({ process, linux, mounts }: OciSpec): MachineFacts {
  const { noNewPrivileges, rlimits = [] } = process;
  const { uidMappings, gidMappings } = linux;
  const nesting = !mounts.some(({ destination }) => destination === bootIdPath);
  return { noNewPrivileges, uidMappings, gidMappings, rlimits, nesting };
}

/** The U0 id of guest id `id`; undefined when the machine's map does not hold it. */
export function findOutsideId(mappings: readonly OciIdMapping[], id: number): number | undefined {
  for (const { containerID, hostID, size } of mappings) {
    if (id >= containerID && id < containerID + size) return hostID + (id - containerID);
  }
  return undefined;
}

/** The same for an id that was checked before. */
export function outsideId(mappings: readonly OciIdMapping[], id: number): number {
  const outside = findOutsideId(mappings, id);
  if (outside === undefined) throw new Error(`the id map has no ${id}`);
  return outside;
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** The machine's root as ids of U0. */
export function rootOf(facts: Pick<MachineFacts, 'uidMappings' | 'gidMappings'>): Owner {
  return { uid: outsideId(facts.uidMappings, 0), gid: outsideId(facts.gidMappings, 0) };
}
