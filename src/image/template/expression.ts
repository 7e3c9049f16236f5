import { TemplateError } from './error.ts';

/** What an expression can come to; undefined prints as nothing. */
export type Value = string | number | boolean | undefined | Names;
/**
 * `container`, `config`, …: reached into with a dot. A `Map`, so that no name reaches a prototype.
 */
export type Names = ReadonlyMap<string, Value>;

export type Expression =
  | { readonly kind: 'value'; readonly value: Value }
  | { readonly kind: 'name'; readonly path: readonly string[] }
  | { readonly kind: 'config_get'; readonly key: Expression; readonly otherwise: Expression }
  | { readonly kind: 'not'; readonly of: Expression }
  | {
      readonly kind: 'filter';
      readonly of: Expression;
      readonly name: Filter;
      readonly with?: Expression;
    }
  | { readonly kind: Operator; readonly left: Expression; readonly right: Expression };

const filters = ['default', 'lower', 'upper', 'capfirst', 'safe', 'length'] as const;
export type Filter = (typeof filters)[number];
type Operator = 'or' | 'and' | '==' | '!=' | 'in';

const spellings: Readonly<Record<string, Operator>> = {
  or: 'or',
  '||': 'or',
  and: 'and',
  '&&': 'and',
  '==': '==',
  '!=': '!=',
  '<>': '!=',
  in: 'in',
};

/** One word after the other; what matches nothing is not understood. */
const tokenPattern =
  /\s*(?:("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(\d{1,15})(?![\w.])|([A-Za-z_]\w*)|(==|!=|<>|\|\||&&|[!().,|:]))/y;

const maxDepth = 40;
/** Words and signs of one expression: a chain of operators is as deep as it is long. */
const maxTokens = 1000;

interface Token {
  readonly kind: 'text' | 'number' | 'word' | 'sign';
  readonly text: string;
}

/** Reads what stands between `{{` and `}}`, or after `{% if`. Throws `TemplateError`. */
export function parseExpression(source: string): Expression {
  const tokens = tokenize(source);
  let at = 0;
  let depth = 0;

  const peek = (): Token | undefined => tokens[at];
  const isNext = (...texts: string[]): boolean => {
    const token = peek();
    return token !== undefined && token.kind !== 'text' && texts.includes(token.text);
  };
  const take = (text: string): boolean => {
    if (!isNext(text)) return false;
    at += 1;
    return true;
  };
  const want = (text: string): void => {
    if (!take(text)) throw new TemplateError(`"${show(source)}" lacks a "${text}"`);
  };

  /** From loosest to tightest, as pongo2 binds them. */
  const chain =
    (next: () => Expression, ...texts: string[]) =>
    (): Expression => {
      let left = next();
      while (isNext(...texts)) {
        const kind = spellings[tokens[at]?.text ?? ''];
        at += 1;
        if (kind === undefined) throw new TemplateError(`"${show(source)}" is not understood`);
        left = { kind, left, right: next() };
      }
      return left;
    };
  const unary = (): Expression => {
    if (take('not') || take('!')) return deeper(() => ({ kind: 'not', of: unary() }));
    return filtered();
  };
  const compared = chain(unary, '==', '!=', '<>', 'in');
  const both = chain(compared, 'and', '&&');
  const whole = chain(both, 'or', '||');

  function deeper(read: () => Expression): Expression {
    depth += 1;
    if (depth > maxDepth) throw new TemplateError(`"${show(source)}" is nested too deeply`);
    const found = read();
    depth -= 1;
    return found;
  }

  function filtered(): Expression {
    let of = primary();
    while (take('|')) {
      const name = filters.find((one) => one === peek()?.text);
      if (name === undefined) {
        throw new TemplateError(`the filter "${show(peek()?.text ?? '')}" is not known`);
      }
      at += 1;
      of = take(':') ? { kind: 'filter', of, name, with: primary() } : { kind: 'filter', of, name };
    }
    return of;
  }

  function primary(): Expression {
    const token = peek();
    if (token === undefined) throw new TemplateError(`"${show(source)}" ends too early`);
    at += 1;
    if (token.kind === 'text') return { kind: 'value', value: token.text };
    if (token.kind === 'number') return { kind: 'value', value: Number(token.text) };
    if (token.text === '(') {
      const inner = deeper(whole);
      want(')');
      return inner;
    }
    if (token.kind !== 'word') {
      throw new TemplateError(`"${show(token.text)}" is not expected in "${show(source)}"`);
    }
    if (isBoolean(token.text)) return { kind: 'value', value: token.text.toLowerCase() === 'true' };
    if (isNext('(')) return call(token.text);
    const path = [token.text];
    while (take('.')) {
      const name = peek();
      if (name?.kind !== 'word') throw new TemplateError(`"${show(source)}" is not understood`);
      path.push(name.text);
      at += 1;
    }
    return { kind: 'name', path };
  }

  function call(name: string): Expression {
    if (name !== 'config_get') throw new TemplateError(`the function "${show(name)}" is not known`);
    return deeper(() => {
      want('(');
      const key = whole();
      want(',');
      const otherwise = whole();
      want(')');
      return { kind: 'config_get', key, otherwise };
    });
  }

  const expression = whole();
  if (at < tokens.length) throw new TemplateError(`"${show(source)}" is not understood`);
  return expression;
}

function isBoolean(word: string): boolean {
  return ['true', 'True', 'false', 'False'].includes(word);
}

function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  const end = source.trimEnd().length;
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < end) {
    const match = tokenPattern.exec(source);
    if (match === null) throw new TemplateError(`"${show(source)}" is not understood`);
    const [, text, number, word, sign] = match;
    if (text !== undefined) {
      tokens.push({ kind: 'text', text: text.slice(1, -1).replace(/\\(["'\\])/g, '$1') });
    } else if (number !== undefined) tokens.push({ kind: 'number', text: number });
    else if (word !== undefined) tokens.push({ kind: 'word', text: word });
    else tokens.push({ kind: 'sign', text: sign ?? '' });
    if (tokens.length > maxTokens) throw new TemplateError(`"${show(source)}" is too long`);
  }
  return tokens;
}

/** As it can stand in a sentence. */
export function show(text: string): string {
  const line = text.trim().replaceAll(/[\s\p{Cc}]+/gu, ' ');
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
