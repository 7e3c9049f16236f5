import { tmpdir } from 'node:os';

import { isWarrenError } from '../../contract/errors.ts';
import { run } from '../../sys/programs/run.ts';
import { fatal, ok, type Check } from './check.ts';

/** The OCI runtime, by asking it for its version. */
export const checkCrun: Check = async () => {
  try {
    // Newer ones say nothing before they have a directory for their state, which they leave as it
    // is.
    const { stdout } = await run('crun', ['--root', tmpdir(), '--version'], {
      what: 'ask crun for its version',
      timeoutMs: 15_000,
    });
    return ok(stdout.split('\n')[0]?.replace(' version', '') ?? 'crun');
  } catch (error) {
    if (!isWarrenError(error, 'program_failed')) throw error;
    const { outcome, output } = error.details;
    return fatal(`crun ${outcome}${output === '' ? '' : `: ${output}`}`, 'sudo apt install crun');
  }
};
