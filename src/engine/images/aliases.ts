import { hasControlCharacter, nearestName } from '../../base/text.ts';
import { WarrenError } from '../../contract/errors.ts';
import type { EngineDeps, ImageAliasRecord } from '../types.ts';
import { getImage } from './list.ts';

/** By name. */
export function listAliases(deps: EngineDeps): ImageAliasRecord[] {
  return deps.store.aliases.list();
}

/** Throws `not_found` with the nearest name. */
export function getAlias(deps: EngineDeps, name: string): ImageAliasRecord {
  const alias = deps.store.aliases.find(name);
  if (alias !== undefined) return alias;
  const names = listAliases(deps).map((other) => other.name);
  throw new WarrenError('not_found', {
    kind: 'image alias',
    name,
    nearest: nearestName(name, names),
  });
}

/** Throws `invalid`. Slashes are fine (`debian/12`), a leading dash is not: it would be an option. */
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
  input: { readonly name: string; readonly description: string; readonly target: string },
): ImageAliasRecord {
  const { name, description, target } = input;
  checkAliasName(name);
  deps.store.transaction(() => {
    deps.store.aliases.insert({ name, description, imageId: getImage(deps, target).id });
  });
  event(deps, 'image-alias-created', name);
  return getAlias(deps, name);
}

export function updateAlias(
  deps: EngineDeps,
  input: {
    readonly name: string;
    readonly description?: string | undefined;
    readonly target?: string | undefined;
  },
): ImageAliasRecord {
  deps.store.transaction(() => {
    const alias = getAlias(deps, input.name);
    const image = getImage(deps, input.target ?? alias.fingerprint);
    deps.store.aliases.set(input.name, input.description ?? alias.description, image.id);
  });
  event(deps, 'image-alias-updated', input.name);
  return getAlias(deps, input.name);
}

export function renameAlias(deps: EngineDeps, name: string, newName: string): void {
  checkAliasName(newName);
  deps.store.transaction(() => {
    deps.store.aliases.rename(getAlias(deps, name).name, newName);
  });
  event(deps, 'image-alias-renamed', newName);
}

export function deleteAlias(deps: EngineDeps, name: string): void {
  deps.store.transaction(() => {
    deps.store.aliases.delete(getAlias(deps, name).name);
  });
  event(deps, 'image-alias-deleted', name);
}

function event(deps: EngineDeps, action: string, name: string): void {
  deps.events.lifecycle({ action, subject: { kind: 'image-alias', name }, context: {} });
}
