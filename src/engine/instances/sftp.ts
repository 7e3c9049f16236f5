import { WarrenError } from '../../contract/errors.ts';
import type { SftpServer } from '../../image/sftp.ts';
import type { EngineDeps } from '../types.ts';
import { withInstanceRoot } from './files.ts';

/**
 * Serves a machine's files by SFTP for the time of `use`. It ends with the run of a machine that
 * runs, with `signal`, and as soon as anybody wants a stopped machine itself, to start it, say.
 */
export async function serveInstanceSftp(
  deps: EngineDeps,
  name: string,
  signal: AbortSignal,
  use: (server: SftpServer) => Promise<void>,
): Promise<void> {
  await withInstanceRoot(deps, name, async ({ path, slice, runEnded, recalled }) => {
    if (recalled?.aborted === true) {
      const other = deps.live.locks.currentAction(name) ?? 'another action';
      throw new WarrenError('busy', { name, action: 'serve the files of', other });
    }
    const ends = [signal, runEnded, recalled].filter((one) => one !== undefined);
    await using server = await deps.images.serveSftp(path, slice, AbortSignal.any(ends));
    await use(server);
  });
}
