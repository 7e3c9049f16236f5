import { isObjectName } from './names.ts';

/**
 * A pattern for names of snapshots with its `{{ creation_date }}` filled in, in UTC; a format after
 * a bar is not looked at. `%d` is left for the number.
 */
export function fillDate(pattern: string, at: Date): string {
  const date = at.toISOString().slice(0, 19).replaceAll(':', '-').replace('T', '_');
  return pattern.replaceAll(/\{\{\s*creation_date(?:\|[^}]*)?\s*\}\}/g, date);
}

/** Whether every name made of it, with a number of up to five digits, is one of a snapshot. */
export function isSnapshotPattern(pattern: string): boolean {
  const filled = fillDate(pattern, new Date(0));
  const number = '00000';
  return isObjectName(filled.includes('%d') ? filled.replace('%d', number) : `${filled}-${number}`);
}
