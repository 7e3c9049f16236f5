import { isObjectName } from '../../base/names.ts';
import { fillDate } from '../../base/snapshot-pattern.ts';
import { WarrenError } from '../../contract/errors.ts';

/** Throws `invalid`. */
export function checkSnapshotName(what: string, name: string): void {
  if (isObjectName(name)) return;
  throw new WarrenError('invalid', {
    what,
    issues: [
      {
        path: 'name',
        problem: `${JSON.stringify(name.slice(0, 80))} is no snapshot name, wanted 1 to 63 letters, digits, dots, dashes and underscores`,
      },
    ],
  });
}

/**
 * The name for a snapshot nobody named. `%d` is the next number nobody has; a pattern without it
 * gets `-0`, `-1` … when its name is taken. `{{ creation_date }}` is the only other thing
 * understood.
 */
export function nextSnapshotName(pattern: string, taken: ReadonlySet<string>, at: Date): string {
  const filled = fillDate(pattern, at);
  const numbered = filled.includes('%d') ? filled : undefined;
  if (numbered === undefined && !taken.has(filled)) return filled;
  for (let index = 0; ; index++) {
    const name = numbered === undefined ? `${filled}-${index}` : numbered.replace('%d', `${index}`);
    if (!taken.has(name)) return name;
  }
}
