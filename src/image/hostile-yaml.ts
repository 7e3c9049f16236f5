import { isScalar, Lexer, parseDocument, visit, type Document } from 'yaml';

import { formatSize } from '../base/units.ts';

export type YamlReport = (path: string, problem: string) => void;
export type YamlMap = ReadonlyMap<unknown, unknown>;

/**
 * Reads a YAML mapping from a stranger's file. Undefined when it is none, with the reasons told to
 * `report`. Mappings are read as `Map`, so no key can reach a prototype; aliases may not multiply.
 * `maxTokens` bounds words and marks: the parser takes many seconds for a mebibyte of nothing but
 * brackets, and the daemon would wait.
 */
export function parseHostileYaml(
  content: Buffer,
  { maxBytes, maxTokens }: { readonly maxBytes: number; readonly maxTokens: number },
  report: YamlReport,
): YamlMap | undefined {
  if (content.length > maxBytes) {
    report('', `it is larger than ${formatSize(maxBytes)}`);
    return undefined;
  }
  const text = content.toString('utf8');
  if (hasTooManyTokens(text, maxTokens)) {
    report('', `it has more than ${maxTokens} words`);
    return undefined;
  }
  try {
    // The library compares every key with every other, which for a hostile file takes minutes.
    const document = parseDocument(text, {
      merge: false,
      uniqueKeys: false,
      logLevel: 'silent',
      prettyErrors: false,
    });
    for (const { message, pos } of document.errors.slice(0, 20)) {
      const line = text.slice(0, pos[0]).split('\n').length;
      report(` line ${line}`, firstLine(message));
    }
    if (document.errors.length > 0) return undefined;
    reportRepeatedKeys(document, report);
    const value: unknown = document.toJS({ mapAsMap: true, maxAliasCount: 20 });
    if (value instanceof Map) return value;
    report('', 'it is no mapping');
  } catch (error) {
    // Too many aliases, or nesting that exhausts the stack.
    report('', error instanceof Error ? firstLine(error.message) : 'it cannot be read');
  }
  return undefined;
}

function hasTooManyTokens(text: string, maxTokens: number): boolean {
  let count = 0;
  for (const token of new Lexer().lex(text)) {
    if (!/^[ \t]*$/.test(token)) count += 1;
    if (count > maxTokens) return true;
  }
  return false;
}

function reportRepeatedKeys(document: Document, report: YamlReport): void {
  visit(document, {
    Map(_position, { items }) {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        const value = isScalar(key) ? key.value : key;
        if (seen.has(value))
          report('', `the key ${JSON.stringify(String(value).slice(0, 60))} is there twice`);
        seen.add(value);
      }
    },
  });
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
