import { WarrenError, type Issue } from '../../contract/errors.ts';

/** Most entries that an error names. */
const maxNamed = 10;

/** A copy of a tree that came to its end without what is named here. */
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
