import type { HostPath } from '../../base/brand.ts';
import { WarrenError } from '../../contract/errors.ts';
import { debianArchitecture } from '../architectures.ts';
import type { ImageLog } from '../deps.ts';
import { packImage } from '../pack.ts';
import { parseAlias, recipeFor, titleOf, type RecipeSource } from '../recipes/aliases.ts';
import { aptSettings, withoutTraces } from '../recipes/guest/common.ts';
import { mergeChanges, type GuestChanges } from '../recipes/guest/entries.ts';
import { initscriptsChanges } from '../recipes/guest/initscripts.ts';
import { interfacesChanges } from '../recipes/guest/interfaces.ts';
import { openrcChanges } from '../recipes/guest/openrc.ts';
import { runitChanges } from '../recipes/guest/runit.ts';
import { systemdChanges } from '../recipes/guest/systemd.ts';
import { sysvinitChanges } from '../recipes/guest/sysvinit.ts';
import type { Variant } from '../recipes/packages.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { SliceIds } from '../slice.ts';
import type { ImageMetadata, ImageRecipe, ImportedImage, WorkContext } from '../types.ts';
import { planBusybox } from './busybox.ts';
import { applyChanges } from './changes.ts';
import { installDebian } from './debian.ts';

export interface BuildDeps {
  readonly sandbox: Sandbox;
  readonly log: ImageLog;
  readonly hostArchitecture: string;
}

export interface BuildInput {
  readonly recipe: ImageRecipe;
  readonly target: HostPath;
  readonly file: HostPath;
  readonly slice: SliceIds;
}

/** Share of the whole that installing takes; packing is the rest. */
const installShare = 0.88;

/** Installs a recipe into `target` and packs it into `file`. On failure `file` does not exist. */
export async function buildImage(
  deps: BuildDeps,
  { recipe, target, file, slice }: BuildInput,
  context: WorkContext,
): Promise<ImportedImage> {
  const { sandbox, hostArchitecture } = deps;
  const source = parseAlias(recipe.alias, hostArchitecture);
  if (source === undefined) {
    throw new WarrenError('not_found', { kind: 'image', name: recipe.alias });
  }
  const { signal } = context;
  const what = `build ${recipe.alias}`;
  const installing: WorkContext = {
    signal,
    progress: ({ stage, percent }) => {
      context.progress({ stage, percent: Math.floor((percent ?? 0) * installShare) });
    },
  };
  const changes = await install(deps, source, { target, slice }, installing);
  // Not before now: what systemd compares with the age of /usr must be younger.
  const mtime = Math.ceil(Date.now() / 1000);
  await applyChanges(sandbox, { what, target, slice, changes, mtime }, signal);

  const packing: WorkContext = {
    signal,
    progress: ({ stage }) => {
      context.progress({ stage, percent: Math.floor(100 * installShare) });
    },
  };
  const description = { metadata: describe(source, hostArchitecture, mtime), templateFiles: {} };
  const image = await packImage(
    sandbox,
    { root: target, description, file, slice, compression: undefined },
    packing,
  );
  context.progress({ stage: 'done', percent: 100 });
  return image;
}

async function install(
  deps: BuildDeps,
  source: RecipeSource,
  { target, slice }: Pick<BuildInput, 'target' | 'slice'>,
  context: WorkContext,
): Promise<GuestChanges> {
  if (source.kind === 'busybox') return planBusybox(context.signal);
  const { suite, variant } = source;
  const architecture = debianArchitecture(deps.hostArchitecture);
  if (architecture === undefined) {
    throw new WarrenError('unsupported', {
      what: `build ${recipeFor(source).alias}`,
      why: `Debian has no packages for ${deps.hostArchitecture}`,
    });
  }
  const input = { suite, variant, target, slice, debianArchitecture: architecture };
  const { guestSettings } = await installDebian(deps, input, context);
  return mergeChanges(withoutTraces, aptSettings(guestSettings), initChanges[variant]);
}

const initChanges: Readonly<Record<Variant, GuestChanges>> = {
  default: systemdChanges,
  minimal: systemdChanges,
  sysvinit: mergeChanges(interfacesChanges, initscriptsChanges, sysvinitChanges),
  openrc: mergeChanges(interfacesChanges, openrcChanges),
  runit: mergeChanges(interfacesChanges, initscriptsChanges, runitChanges),
};

/** Properties as LXD's own images have them. */
function describe(source: RecipeSource, architecture: string, now: number): ImageMetadata {
  const { description } = recipeFor(source);
  const properties =
    source.kind === 'busybox'
      ? { os: 'BusyBox', release: 'host', variant: 'default' }
      : {
          os: { debian: 'Debian', ubuntu: 'Ubuntu' }[source.suite.distribution],
          release: source.suite.codename,
          version: source.suite.release ?? '',
          variant: source.variant,
          title: titleOf(source.suite),
        };
  const serial = new Date(now * 1000).toISOString().slice(0, 16).replaceAll(/[-T:]/g, '');
  return {
    architecture,
    creationDate: now,
    expiryDate: 0,
    properties: { architecture, description, name: recipeFor(source).alias, serial, ...properties },
    templates: {},
  };
}
