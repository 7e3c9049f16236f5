import { WarrenError, type Issue } from '../../contract/errors.ts';

/** Most entries that an error names. */
const maxNamed = 10;

/** The error for a tree that was copied without what `skipped` names. */
export function incomplete(tree: string, skipped: readonly Issue[]): WarrenError {
  const more = skipped.length - maxNamed;
  const rest = more > 0 ? [{ path: '', problem: `and ${more} more` }] : [];
  const issues = skipped
    .slice(0, maxNamed)
    .map(({ path, problem }) => ({ path: shortened(path), problem }));
  return new WarrenError('invalid', { what: `copy all of ${tree}`, issues: [...issues, ...rest] });
}

function shortened(path: string): string {
  return path.length > 80 ? `…${path.slice(-79)}` : path;
}
