import { readdir, readFile } from 'node:fs/promises';

import { parse } from 'yaml';

import type { EngineDeps, ProfileRecord } from '../types.ts';
import { createProfile } from './create.ts';
import { updateProfile } from './update.ts';

/**
 * Loads the profiles that ship with warren. `missing` (at start): only those that were never
 * loaded, so that one a user has deleted stays away; but `default` is always there. `all` (asked
 * for): every one, over what is there. Returns the names it wrote.
 */
export async function loadShippedProfiles(
  deps: EngineDeps,
  which: 'missing' | 'all',
): Promise<string[]> {
  const written: string[] = [];
  for (const profile of await readShippedProfiles(deps)) {
    const { name } = profile;
    const fact = `profile.loaded.${name}`;
    const existing = deps.store.profiles.find(name);
    const known = deps.store.facts.find(fact) !== undefined;
    if (which === 'missing' && (existing !== undefined || (known && name !== 'default'))) continue;
    if (existing === undefined) createProfile(deps, profile);
    else await updateProfile(deps, profile);
    deps.store.transaction(() => {
      deps.store.facts.set(fact, 'true');
    });
    written.push(name);
  }
  if (deps.store.profiles.find('default') === undefined) {
    createProfile(deps, { name: 'default', description: '', config: {}, devices: {} });
    written.push('default');
  }
  return written;
}

/** Every `*.yaml` in the profiles directory, by name. Files are ours: a bad one is a bug. */
async function readShippedProfiles(
  deps: Pick<EngineDeps, 'profilesDir'>,
): Promise<Omit<ProfileRecord, 'id'>[]> {
  const files = (await readdir(deps.profilesDir)).filter((file) => file.endsWith('.yaml')).sort();
  return Promise.all(
    files.map(async (file) => {
      const text = await readFile(`${deps.profilesDir}/${file}`, 'utf8');
      const { name, description, config, devices } = parse(text) as Partial<ProfileRecord>;
      return {
        name: name ?? file.slice(0, -'.yaml'.length),
        description: description ?? '',
        config: config ?? {},
        devices: devices ?? {},
      };
    }),
  );
}
