import { WarrenError, type Issue } from '../../contract/errors.ts';

/** Most entries that an error names. */
const maxNamed = 10;

/**
 * The error for a tree that was copied without what `skipped` names; `hint` is the command that
 * copies all of it.
 */
export function incomplete(tree: string, skipped: readonly Issue[], hint: string): WarrenError {
  const more = skipped.length - maxNamed;
  const rest = more > 0 ? [{ path: '', problem: `and ${more} more` }] : [];
  const issues = skipped
    .slice(0, maxNamed)
    .map(({ path, problem }) => ({ path: shortened(path), problem }));
  const what = `copy all of ${tree}`;
  return new WarrenError('invalid', { what, issues: [...issues, ...rest], hint });
}

function shortened(path: string): string {
  return path.length > 80 ? `…${path.slice(-79)}` : path;
}
