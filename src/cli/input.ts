import { fstatSync, statSync, type Stats } from 'node:fs';

/** What standard input is; undefined when it is closed. */
export function typeOfInput(): Stats | undefined {
  try {
    return fstatSync(0);
  } catch {
    return undefined;
  }
}

/** Whether it is `/dev/null` (null(4)): what cron and the like give, and nothing comes from. */
export function isNullInput(): boolean {
  const type = typeOfInput();
  if (type?.isCharacterDevice() !== true) return false;
  return type.rdev === statSync('/dev/null', { throwIfNoEntry: false })?.rdev;
}
