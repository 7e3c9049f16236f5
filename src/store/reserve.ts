import { randomBytes } from 'node:crypto';
import { renameSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A few hundred deletions: each writes some pages of 4 KiB to the write-ahead log. */
const reserveBytes = 1024 * 1024;
/** Room that must be free before some is set aside. */
const wantedFreeBytes = 8 * reserveBytes;

/**
 * Room kept aside on the database's file system. On a full disk nothing can be deleted, since that
 * is a write as well: then the reserve is given up for it.
 */
export interface Reserve {
  /** Sets it aside unless it is there or there is no room for it. Never throws. */
  keep(): void;
  /** Gives it up; false when there was none. */
  giveUp(): boolean;
}

export function makeReserve(database: string): Reserve {
  const path = `${database}.reserve`;
  const size = (): number | undefined => statSync(path, { throwIfNoEntry: false })?.size;
  return {
    keep() {
      if (size() !== undefined) return;
      const temporary = `${path}.new`;
      try {
        const { bavail, bsize } = statfsSync(dirname(database));
        if (bavail * bsize < wantedFreeBytes) return;
        // Random: a file system that compresses must not make nothing of it.
        writeFileSync(temporary, randomBytes(reserveBytes), { mode: 0o600 });
        renameSync(temporary, path);
      } catch {
        rmSync(temporary, { force: true });
      }
    },
    giveUp() {
      if (size() === undefined) return false;
      rmSync(path);
      return true;
    },
  };
}
