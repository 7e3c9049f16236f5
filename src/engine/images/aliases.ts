import { hasControlCharacter, nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ImageAliasRecord } from '../types.ts';
import { getImage } from './list.ts';

/** Those of a project, by name. */
export function listAliases(deps: EngineDeps, project: string): ImageAliasRecord[] {
  return deps.store.aliases.list(project);
}

/** Throws `not_found` with the nearest name. */
export function getAlias(deps: EngineDeps, project: string, name: string): ImageAliasRecord {
  const alias = deps.store.aliases.find(project, name);
  if (alias !== undefined) return alias;
  const names = listAliases(deps, project).map((other) => other.name);
  throw new WarrenError('not_found', {
    kind: 'image alias',
    name,
    nearest: nearestName(name, names),
  });
}

/**
 * Throws `invalid`. Slashes are fine (`debian/12`), a leading dash is not: it would be an option.
 */
export function checkAliasName(name: string): void {
  const isName = name !== '' && name.length <= 255 && !/^[-/]|\/$|\s/.test(name);
  if (isName && !hasControlCharacter(name)) return;
  throw new WarrenError('invalid', {
    what: 'name an image',
    issues: [
      {
        path: 'alias',
        problem: `${JSON.stringify(name.slice(0, 80))} is no alias, wanted a name without blanks such as debian/12`,
      },
    ],
  });
}

/** `target` may be a fingerprint's prefix. Throws `exists`, `not_found`. */
export function createAlias(
  deps: EngineDeps,
  input: {
    readonly project: string;
    readonly name: string;
    readonly description: string;
    readonly target: string;
  },
): ImageAliasRecord {
  const { project, name, description, target } = input;
  checkAliasName(name);
  deps.store.transaction(() => {
    const imageId = getImage(deps, project, target).id;
    deps.store.aliases.insert({ project, name, description, imageId });
  });
  tell(deps, 'created', project, name);
  return getAlias(deps, project, name);
}

/** What is undefined stays; `target` may be a fingerprint's prefix. Throws `not_found`. */
export function updateAlias(
  deps: EngineDeps,
  input: {
    readonly project: string;
    readonly name: string;
    readonly description?: string | undefined;
    readonly target?: string | undefined;
  },
): ImageAliasRecord {
  const { project, name } = input;
  deps.store.transaction(() => {
    const alias = getAlias(deps, project, name);
    const image = getImage(deps, project, input.target ?? alias.fingerprint);
    deps.store.aliases.set(project, name, input.description ?? alias.description, image.id);
  });
  tell(deps, 'updated', project, name);
  return getAlias(deps, project, name);
}

/** Throws `invalid`, `exists`, `not_found`. */
export function renameAlias(
  deps: EngineDeps,
  project: string,
  name: string,
  newName: string,
): void {
  checkAliasName(newName);
  deps.store.transaction(() => {
    deps.store.aliases.rename(project, getAlias(deps, project, name).name, newName);
  });
  tell(deps, 'renamed', project, newName);
}

/** Takes away the name alone; the image stays. Throws `not_found`. */
export function deleteAlias(deps: EngineDeps, project: string, name: string): void {
  deps.store.transaction(() => {
    deps.store.aliases.delete(project, getAlias(deps, project, name).name);
  });
  tell(deps, 'deleted', project, name);
}

function tell(deps: EngineDeps, happened: string, project: string, name: string): void {
  const subject = { kind: 'image-alias', project, name } as const;
  deps.events.lifecycle({ action: `image-alias-${happened}`, subject, context: {} });
}
