import { statSync } from 'node:fs';

import { findXattr } from '../../sys/kernel/fs.ts';
import { fatal, findProgram, ok, type Check } from './check.ts';

const SETUID = 0o4000;

/** newuidmap and newgidmap, the only privileged programs there are, with their privilege. */
export const checkIdmap: Check = () => {
  for (const program of ['newuidmap', 'newgidmap']) {
    const path = findProgram(program);
    if (path === undefined) return fatal(`${program} is not installed`, 'sudo apt install uidmap');
    const isSetuid = (statSync(path).mode & SETUID) !== 0;
    if (!isSetuid && findXattr(path, 'security.capability') === undefined) {
      return fatal(
        `${path} has neither its setuid bit nor file capabilities`,
        `sudo chmod u+s ${path}`,
      );
    }
  }
  return ok('newuidmap, newgidmap');
};
