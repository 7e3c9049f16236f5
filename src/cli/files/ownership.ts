import { UsageError } from '../usage-error.ts';

import type { OptionRows } from '../command.ts';
import type { Ownership } from './push.ts';

/** Owner and mode that a command gives what it makes in a machine. */
export const ownershipOptions = {
  mode: { kind: 'text', value: 'MODE', summary: 'Permission bits, such as 0644' },
  uid: { kind: 'number', value: 'UID', summary: 'Owner in the machine (0)' },
  gid: { kind: 'number', value: 'GID', summary: 'Group in the machine (0)' },
} as const satisfies OptionRows;

export function parseOwnership(args: {
  readonly mode: string | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}): Ownership {
  return { uid: args.uid, gid: args.gid, mode: parseMode(args.mode) };
}

function parseMode(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-7]{3,4}$/.test(text)) {
    throw new UsageError(`Cannot use --mode ${text}: wanted octal digits such as 0644`);
  }
  return Number.parseInt(text, 8);
}
