import { compressions } from '../contract/compression.ts';

import type { OptionRows } from './command.ts';

/** What the commands that write a backup to a file have in common. */
export const exportOptions = {
  force: { kind: 'flag', alias: 'f', summary: 'Replace a file that is there' },
  compression: { kind: 'text', value: 'HOW', summary: 'How to pack it', choices: compressions },
  optimized: { kind: 'flag', summary: 'Has no effect here', hidden: true },
} as const satisfies OptionRows;

const keepMs = 24 * 3600 * 1000;

/**
 * When the server's copy of an export goes by itself, RFC 3339: it is removed once it is fetched,
 * unless that fails.
 */
export function expiryOfCopy(): string {
  return new Date(Date.now() + keepMs).toISOString();
}
