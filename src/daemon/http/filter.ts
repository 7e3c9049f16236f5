import { WarrenError } from '../../contract/errors.ts';

interface Clause {
  readonly join: 'and' | 'or';
  readonly negated: boolean;
  readonly field: string;
  readonly operator: 'eq' | 'ne';
  readonly value: string;
}

/** Whether an object of a listing is wanted. */
export type Filter = (object: unknown) => boolean;

/**
 * LXD's filter language: `[not] <field> eq|ne <value>` joined by `and`/`or` and evaluated left to
 * right; a value with spaces stands in double quotes. Text matches as a case-insensitive regular
 * expression over the whole value (over a part of it with `^` or `$`), anything else by equality. A
 * field is a path with dots. Nothing (the stock client always sends an empty filter) matches all.
 */
export function parseFilter(text: string | undefined): Filter {
  const words = splitWords(text ?? '');
  if (words.length === 0) return () => true;
  const clauses = parseClauses(words);
  return (object) => {
    let result = true;
    for (const [index, clause] of clauses.entries()) {
      const matches = matchesClause(object, clause);
      if (index === 0) result = matches;
      else result = clause.join === 'and' ? result && matches : result || matches;
    }
    return result;
  };
}

/** Words of the expression; `undefined` never: a quote that is not closed is refused. */
function splitWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))/gy;
  const trimmed = text.trimEnd();
  while (pattern.lastIndex < trimmed.length) {
    const at = pattern.lastIndex;
    const match = pattern.exec(trimmed);
    if (match === null) throw badFilter(`cannot be read from "${trimmed.slice(at, at + 20)}" on`);
    words.push(match[2] ?? (match[1] ?? '').replace(/\\(.)/g, '$1'));
  }
  return words;
}

function parseClauses(words: readonly string[]): Clause[] {
  const clauses: Clause[] = [];
  let at = 0;
  let join: Clause['join'] = 'and';
  for (;;) {
    const negated = words[at] === 'not';
    if (negated) at += 1;
    const [field, operator, value, next] = words.slice(at, at + 4);
    if (field === undefined || operator === undefined || value === undefined) {
      throw badFilter('ends early, wanted FIELD eq|ne VALUE');
    }
    if (operator !== 'eq' && operator !== 'ne') {
      throw badFilter(`has the operator "${operator}", wanted eq or ne`);
    }
    clauses.push({ join, negated, field, operator, value });
    if (next === undefined) return clauses;
    if (next !== 'and' && next !== 'or') throw badFilter(`has "${next}", wanted and or or`);
    join = next;
    at += 4;
  }
}

function matchesClause(object: unknown, { field, operator, value, negated }: Clause): boolean {
  const found = valueAt(object, field);
  const equal =
    typeof found === 'string'
      ? matchesText(found, value)
      : found === undefined || found === null
        ? value === ''
        : String(found) === value;
  return ((operator === 'eq') === equal) !== negated;
}

/** Walks a dotted path; config keys hold dots themselves, so the longest key wins at each step. */
function valueAt(object: unknown, field: string): string | number | boolean | null | undefined {
  if (typeof object !== 'object' || object === null) return undefined;
  const record = object as Readonly<Record<string, unknown>>;
  if (Object.hasOwn(record, field)) {
    const value = record[field];
    return typeof value === 'object' && value !== null ? JSON.stringify(value) : scalar(value);
  }
  for (let dot = field.lastIndexOf('.'); dot > 0; dot = field.lastIndexOf('.', dot - 1)) {
    const head = field.slice(0, dot);
    if (Object.hasOwn(record, head)) return valueAt(record[head], field.slice(dot + 1));
  }
  return undefined;
}

function scalar(value: unknown): string | number | boolean | null | undefined {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? value
    : undefined;
}

function matchesText(text: string, value: string): boolean {
  const equal = text.toLowerCase() === value.toLowerCase();
  if (equal || !isCheapPattern(value, text.length)) return equal;
  const anchored = /[$^]/.test(value) ? value : `^${value}$`;
  try {
    return new RegExp(anchored, 'i').test(text);
  } catch {
    return false;
  }
}

/**
 * Steps that one text may take, of which a list has thousands: what three signs need for the
 * longest name.
 */
const maxSteps = 63 ** 3;

/**
 * A backtracking matcher must not be given what can hang it: repeated groups and many ways to
 * match. Each sign of repetition may be tried from every place of the text.
 */
function isCheapPattern(pattern: string, length: number): boolean {
  if (pattern.length > 256 || /\)\s*[*+?{]/.test(pattern) || /\\[1-9k]/.test(pattern)) return false;
  const signs = (pattern.match(/[*+{?|]/g) ?? []).length;
  const isTriedAnywhere = pattern.includes('$') && !pattern.startsWith('^');
  return signs <= 3 && length ** Math.max(1, signs + (isTriedAnywhere ? 1 : 0)) <= maxSteps;
}

function badFilter(problem: string): WarrenError {
  return new WarrenError('invalid', {
    what: 'filter the list',
    issues: [{ path: 'filter', problem }],
  });
}
