import type { compressionKeys, imageCacheKeys } from '../../contract/config/server-keys.ts';
import type { EngineDeps } from '../types.ts';

/** Keys of the server that a project can have for itself. */
export type SharedSetting =
  (typeof compressionKeys)[number]['key'] | (typeof imageCacheKeys)[number]['key'];

/**
 * What holds in a project: its own setting, else the server's; undefined where neither says
 * anything.
 */
export function settingIn(
  { store }: Pick<EngineDeps, 'store'>,
  project: string,
  key: SharedSetting,
): string | undefined {
  return store.projects.find(project)?.config[key] ?? store.config.find(key);
}
