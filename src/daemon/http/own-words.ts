import { isProjectName } from '../../base/names.ts';

/**
 * A value with machines and profiles named as their project names them, for whoever asked in that
 * project: the engine's sentences have the whole names.
 */
export function inWordsOf<T>(project: string, value: T): T {
  if (project === 'default' || value === undefined) return value;
  // Whatever a request calls its project comes here, and is about to be a regular expression.
  if (!isProjectName(project)) return value;
  const text = JSON.stringify(value);
  const machines = `(?<![\\w-])${project}_(?=[a-zA-Z])`;
  const others = `(?<![\\w/.-])${project}/(?=[\\w-])`;
  return JSON.parse(text.replaceAll(new RegExp(`${machines}|${others}`, 'g'), '')) as T;
}
