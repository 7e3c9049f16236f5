import { parseArchitecture } from '../architectures.ts';
import type { ImageRecipe } from '../types.ts';
import { variants, type Variant } from './packages.ts';
import { suites, type Suite } from './suites.ts';

/** What an alias stands for. */
export type RecipeSource =
  | { readonly kind: 'suite'; readonly suite: Suite; readonly variant: Variant }
  | { readonly kind: 'busybox' };

const busyboxRecipe: ImageRecipe = {
  alias: 'busybox',
  description: 'BusyBox: boots in milliseconds, 2 MB',
  packages: ['busybox-static (of the host)'],
};

/** Every recipe under its canonical alias, in the order in which people should see them. */
export function listRecipes(): readonly ImageRecipe[] {
  const built = suites.flatMap((suite) =>
    variantNames
      .filter((variant) => variants[variant].distributions.includes(suite.distribution))
      .map((variant) => recipeOf(suite, variant)),
  );
  return [...built, busyboxRecipe];
}

/**
 * Reads `debian/12`, `debian/bookworm`, `ubuntu/24.04/minimal`, `busybox`, each also with this
 * host's architecture at the end (`/amd64`, `/x86_64`). Case does not matter. Undefined for what
 * cannot be built here.
 */
export function parseAlias(alias: string, hostArchitecture: string): RecipeSource | undefined {
  const parts = alias.trim().toLowerCase().split('/');
  const architecture = parts.length > 1 ? parseArchitecture(parts.at(-1) ?? '') : undefined;
  if (architecture !== undefined) {
    if (architecture !== hostArchitecture) return undefined;
    parts.pop();
  }
  const [distribution, release, variantName = 'default', ...more] = parts;
  if (distribution === 'busybox') return release === undefined ? { kind: 'busybox' } : undefined;
  const suite = suites.find(
    (one) =>
      one.distribution === distribution &&
      [one.release ?? one.codename, one.codename].includes(release ?? ''),
  );
  const variant = variantNames.find((name) => name === variantName);
  if (suite === undefined || variant === undefined || more.length > 0) return undefined;
  const offered = variants[variant].distributions.includes(suite.distribution);
  return offered ? { kind: 'suite', suite, variant } : undefined;
}

/** The recipe of a source, under its canonical alias. */
export function recipeFor(source: RecipeSource): ImageRecipe {
  return source.kind === 'busybox' ? busyboxRecipe : recipeOf(source.suite, source.variant);
}

const variantNames = Object.keys(variants) as Variant[];

function recipeOf(suite: Suite, variant: Variant): ImageRecipe {
  const { description, packages } = variants[variant];
  const name = `${suite.distribution}/${suite.release ?? suite.codename}`;
  return {
    alias: variant === 'default' ? name : `${name}/${variant}`,
    description: `${titleOf(suite)} ${description}`,
    packages: packages(suite),
  };
}

/** `Debian 12 (bookworm)`. */
export function titleOf({ distribution, release, codename }: Suite): string {
  const name = { debian: 'Debian', ubuntu: 'Ubuntu' }[distribution];
  return release === undefined ? `${name} ${codename}` : `${name} ${release} (${codename})`;
}
