import type { StringMap } from '../../contract/api/instances.ts';
import { TemplateError } from './error.ts';
import type { Expression, Names, Value } from './expression.ts';
import { parseTemplate, type Node } from './parse.ts';

/** What a template of an image knows, as in LXD. */
export interface TemplateContext {
  readonly trigger: string;
  /** The file that is written. */
  readonly path: string;
  /** `name`, `type`, `architecture`, `ephemeral`, `privileged`, as text. */
  readonly instance: StringMap;
  readonly config: StringMap;
  readonly devices: Readonly<Record<string, StringMap>>;
  /** Of the template itself. */
  readonly properties: StringMap;
}

const maxOutputBytes = 1024 * 1024;
/**
 * Characters of all texts that expressions come to, on the way as well: each may take some time.
 */
const maxWork = 8 * 1024 * 1024;
/** Longest text that another is searched for. */
const maxSought = 1024;

/** What expressions know, and how much they may still do. */
interface Scope {
  readonly all: Names;
  readonly config: Names;
  workLeft: number;
}

/**
 * The text of the file. Throws `TemplateError` for a template that is not understood or too large.
 */
export function renderTemplate(source: string, context: TemplateContext): string {
  const instance = names(context.instance);
  const all: Names = new Map<string, Value>([
    ['trigger', context.trigger],
    ['path', context.path],
    ['instance', instance],
    ['container', instance],
    ['config', names(context.config)],
    ['devices', new Map(Object.entries(context.devices).map(([key, of]) => [key, names(of)]))],
    ['properties', names(context.properties)],
  ]);
  const scope: Scope = { all, config: names(context.config), workLeft: maxWork };
  const pieces: string[] = [];
  let length = 0;
  const print = (text: string): void => {
    length += Buffer.byteLength(text);
    if (length > maxOutputBytes) throw new TemplateError('what it comes to is longer than 1 MiB');
    pieces.push(text);
  };
  const run = (nodes: readonly Node[]): void => {
    for (const node of nodes) {
      if (node.kind === 'text') print(node.text);
      else if (node.kind === 'print') print(textOf(evaluate(node.of, scope)));
      else {
        const found = node.branches.find(
          ({ when }) => when === undefined || isTrue(evaluate(when, scope)),
        );
        run(found?.body ?? []);
      }
    }
  };
  run(parseTemplate(source));
  return pieces.join('');
}

function names(values: StringMap): Names {
  return new Map(Object.entries(values));
}

function evaluate(expression: Expression, scope: Scope): Value {
  const value = compute(expression, scope);
  if (typeof value === 'string') {
    scope.workLeft -= value.length;
    if (scope.workLeft < 0) throw new TemplateError('it has too much to do');
  }
  return value;
}

function compute(expression: Expression, scope: Scope): Value {
  const value = (of: Expression): Value => evaluate(of, scope);
  switch (expression.kind) {
    case 'value':
      return expression.value;
    case 'name':
      return find(scope.all, expression.path);
    case 'config_get': {
      const found = scope.config.get(textOf(value(expression.key)));
      return typeof found === 'string' ? withoutEnd(found) : value(expression.otherwise);
    }
    case 'not':
      return !isTrue(value(expression.of));
    case 'filter':
      return filter(expression.name, value(expression.of), () =>
        expression.with === undefined ? undefined : value(expression.with),
      );
    case 'or':
      return isTrue(value(expression.left)) || isTrue(value(expression.right));
    case 'and':
      return isTrue(value(expression.left)) && isTrue(value(expression.right));
    case '==':
      return value(expression.left) === value(expression.right);
    case '!=':
      return value(expression.left) !== value(expression.right);
    case 'in':
      return contains(value(expression.right), value(expression.left));
  }
}

/**
 * Without its last line breaks. A pattern would be tried from every line break of a hostile text.
 */
function withoutEnd(text: string): string {
  let end = text.length;
  while (text[end - 1] === '\n' || text[end - 1] === '\r') end -= 1;
  return text.slice(0, end);
}

/** Names that are not there are nothing, as in pongo2. */
function find(all: Names, path: readonly string[]): Value {
  let found: Value = all;
  for (const name of path) found = isMap(found) ? found.get(name) : undefined;
  return found;
}

function filter(
  name: Extract<Expression, { kind: 'filter' }>['name'],
  value: Value,
  argument: () => Value,
): Value {
  switch (name) {
    case 'default':
      return isTrue(value) ? value : argument();
    case 'lower':
      return textOf(value).toLowerCase();
    case 'upper':
      return textOf(value).toUpperCase();
    case 'capfirst': {
      const text = textOf(value);
      return text.slice(0, 1).toUpperCase() + text.slice(1);
    }
    case 'safe':
      return value;
    case 'length':
      return isMap(value) ? value.size : Array.from(textOf(value)).length;
  }
}

function isTrue(value: Value): boolean {
  return isMap(value) ? value.size > 0 : Boolean(value);
}

function contains(whole: Value, part: Value): boolean {
  if (isMap(whole)) return whole.has(textOf(part));
  const sought = textOf(part);
  if (sought.length > maxSought) throw new TemplateError('it looks for too long a text');
  return textOf(whole).includes(sought);
}

function textOf(value: Value): string {
  if (isMap(value)) throw new TemplateError('a whole map cannot be printed');
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return value === undefined ? '' : String(value);
}

function isMap(value: Value): value is Names {
  return value instanceof Map;
}
