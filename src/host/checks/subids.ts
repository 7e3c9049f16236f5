import { readFileSync } from 'node:fs';

import { compactSize } from '../../base/id-layout.ts';
import { formatCount } from '../../base/units.ts';
import { addGrantsCommand, explainGrants, highestGranted } from '../../userns/explain.ts';
import { readGrants } from '../../userns/grants.ts';
import { countIds } from '../../userns/idmap.ts';
import { planU0 } from '../../userns/plan.ts';
import { countSlices, sliceSize } from '../../userns/slices.ts';
import { fatal, ok, warning, type Check } from './check.ts';

/** The grant, and how many machines can have ids of their own with it. */
export const checkSubids: Check = async ({ user }) => {
  const grants = await readGrants(user);
  const highest = highestGranted(...['/etc/subuid', '/etc/subgid'].map(readIfThere));
  const lacking = explainGrants(grants, user, highest);
  if (lacking !== undefined) return fatal(lacking.message, lacking.hint ?? '');
  const u0 = planU0({ ...user, uidGrants: grants.uid, gidGrants: grants.gid });
  const ids = Math.min(countIds(u0.uid), countIds(u0.gid)) - 1;
  const slices = countSlices(u0);
  const compact = Math.floor(ids / compactSize);
  const machines = `${slices} isolated machine${slices === 1 ? '' : 's'}, or ${compact} compact`;
  const summary = `${formatCount(ids)} subordinate ids (${machines})`;
  if (slices > 0) return ok(summary);
  return warning(
    `${summary}; a whole system wants ${formatCount(sliceSize)}`,
    addGrantsCommand(user.name, highest),
  );
};

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
