import { TemplateError } from './error.ts';
import { parseExpression, show, type Expression } from './expression.ts';

export type Node =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly of: Expression }
  | { readonly kind: 'if'; readonly branches: readonly Branch[] };

/** The first one that holds counts; without `when` it always does. */
export interface Branch {
  readonly when: Expression | undefined;
  readonly body: readonly Node[];
}

/** Longest template; those of real images have some hundred bytes. */
export const maxTemplateBytes = 64 * 1024;
const maxNodes = 10_000;
const maxNesting = 20;

const tag = /\{\{-?|\{%-?|\{#/g;
const ends: Readonly<Record<string, string>> = { '{{': '}}', '{%': '%}', '{#': '#}' };

interface Open {
  readonly branches: { readonly when: Expression | undefined; readonly body: Node[] }[];
  readonly body: Node[];
}

/**
 * Reads what images use of pongo2's language: text, `{{ expression }}`, `{% if %}` with `elif` and
 * `else`, and comments. There is no tag that reads a file or repeats, so a template costs what it
 * is long. Throws `TemplateError` for everything else.
 */
export function parseTemplate(source: string): readonly Node[] {
  if (Buffer.byteLength(source) > maxTemplateBytes) {
    throw new TemplateError('it is longer than 64 KiB');
  }
  const root: Node[] = [];
  const open: Open[] = [];
  let body = root;
  let count = 0;
  const add = (node: Node): void => {
    count += 1;
    if (count > maxNodes) throw new TemplateError(`it has more than ${maxNodes} parts`);
    body.push(node);
  };
  const branch = (when: Expression | undefined): void => {
    const current = open.at(-1);
    const isAfterElse = current?.branches.at(-1)?.when === undefined;
    if (current === undefined || isAfterElse) {
      throw new TemplateError('an "elif" or "else" belongs to no "if"');
    }
    body = [];
    current.branches.push({ when, body });
  };
  const statement = (text: string): void => {
    const [, word = '', rest = ''] = /^\s*(\w+)([\s\S]*)$/.exec(text) ?? [];
    if (word === 'if') {
      if (open.length >= maxNesting) throw new TemplateError('its ifs are nested too deeply');
      const branches: Open['branches'] = [{ when: parseExpression(rest), body: [] }];
      open.push({ branches, body });
      body = branches[0]?.body ?? [];
    } else if (word === 'elif') {
      branch(parseExpression(rest));
    } else if (word === 'else' && rest.trim() === '') {
      branch(undefined);
    } else if (word === 'endif' && rest.trim() === '') {
      const closed = open.pop();
      if (closed === undefined) throw new TemplateError('an "endif" belongs to no "if"');
      body = closed.body;
      add({ kind: 'if', branches: closed.branches });
    } else {
      throw new TemplateError(`"${show(text)}" is not understood`);
    }
  };

  let at = 0;
  let trimsNext = false;
  const addText = (end: number, trimsEnd: boolean): void => {
    let text = source.slice(at, end);
    if (trimsNext) text = text.trimStart();
    if (trimsEnd) text = text.trimEnd();
    if (text !== '') add({ kind: 'text', text });
  };
  for (;;) {
    tag.lastIndex = at;
    const match = tag.exec(source);
    if (match === null) break;
    const [begin] = match;
    const end = ends[begin.slice(0, 2)] ?? '';
    const close = source.indexOf(end, tag.lastIndex);
    if (close < 0) throw new TemplateError(`a "${begin.slice(0, 2)}" is not closed`);
    addText(match.index, begin.endsWith('-'));
    let inner = source.slice(tag.lastIndex, close);
    trimsNext = end !== '#}' && inner.endsWith('-');
    if (trimsNext) inner = inner.slice(0, -1);
    if (end === '}}') add({ kind: 'print', of: parseExpression(inner) });
    else if (end === '%}') statement(inner);
    at = close + 2;
  }
  addText(source.length, false);
  if (open.length > 0) throw new TemplateError('an "if" is not closed');
  return root;
}
