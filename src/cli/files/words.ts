import type { OptionRow } from '../command.ts';

/** The positional for a file of a machine. */
export const guestPathWord = {
  label: 'INSTANCE/PATH',
  summary: 'Where in which machine',
  complete: 'instance-path',
} as const;

/** Makes the directories above what a command makes. */
export const parentsOption = {
  kind: 'flag',
  alias: 'p',
  summary: 'Make directories above it as needed',
} as const satisfies OptionRow;
