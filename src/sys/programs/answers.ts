import { isWarrenError } from '../../contract/errors.ts';
import { runQuiet } from './quiet.ts';

const patienceMs = 5000;

/**
 * Whether the file systems on the way to a path of the host answer, in whatever way. One whose
 * server is gone (NFS, FUSE) holds for good whoever asks it, and four of Node's own calls on such a
 * path are all that Node can have under way: so another process asks, which can be killed.
 */
export async function answers(path: string): Promise<boolean> {
  try {
    await runQuiet('stat', ['-L', '--', path], { what: `look at ${path}`, timeoutMs: patienceMs });
    return true;
  } catch (error) {
    if (isWarrenError(error, 'timeout')) return false;
    if (isWarrenError(error, 'program_failed')) return true;
    throw error;
  }
}
