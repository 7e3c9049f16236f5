import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { isWarrenError } from '../../contract/errors.ts';
import { run } from '../../sys/programs/run.ts';
import { ok, warning, type Check } from './check.ts';

/**
 * Whether the kernel mounts an overlay in a user namespace on the file system that machines will
 * lie on: by doing it. Which tier of it serves is found by the daemon (`warren info`).
 */
export const checkOverlay: Check = async ({ paths }) => {
  // Commas and colons mean something in mount options.
  const isPlain = existsSync(paths.dataDir) && /^[\w/.-]+$/.test(paths.dataDir);
  const place = mkdtempSync(`${isPlain ? paths.dataDir : tmpdir()}/.probe-`);
  try {
    const [lower, upper, work, merged] = ['l', 'u', 'w', 'm'].map((name) => `${place}/${name}`);
    for (const name of ['l', 'u', 'w', 'm']) mkdirSync(`${place}/${name}`);
    const options = `userxattr,upperdir=${upper ?? ''},workdir=${work ?? ''},lowerdir=${lower ?? ''}`;
    await run(
      'unshare',
      [
        ...['--user', '--mount', '--map-root-user', '--propagation', 'private', '--'],
        ...['mount', '-t', 'overlay', 'overlay', '-o', options, merged ?? ''],
      ],
      { what: 'mount an overlay', timeoutMs: 15_000 },
    );
    return ok('overlay');
  } catch (error) {
    if (!isWarrenError(error, 'program_failed')) throw error;
    return warning(
      `no overlay in a user namespace (${error.details.output}): images are copied for each machine`,
      'sudo apt install fuse-overlayfs',
    );
  } finally {
    // The kernel leaves an empty directory without any permission in the work directory.
    const inner = `${place}/w/work`;
    if (existsSync(inner)) chmodSync(inner, 0o700);
    rmSync(place, { recursive: true, force: true });
  }
};
