import { imageCacheKeys } from '../../contract/config/server-keys.ts';
import { parseBool } from '../../contract/config/values.ts';
import { settingIn } from '../projects/settings.ts';
import type { EngineDeps } from '../types.ts';

type Deps = Pick<EngineDeps, 'store'>;

/**
 * How long a project keeps an image that was fetched for a launch and is not used; 0 is for ever.
 */
export function daysOfCache(deps: Deps, project: string): number {
  return Number(valueOf(deps, project, 'images.remote_cache_expiry'));
}

/** Whether an image that is fetched for a launch is to follow its server. */
export function followsServer(deps: Deps, project: string): boolean {
  return parseBool(valueOf(deps, project, 'images.auto_update_cached')) === true;
}

/** Hours between two looks for a newer image; 0 is never. */
export function hoursOfUpdates(deps: Deps, project: string): number {
  return Number(valueOf(deps, project, 'images.auto_update_interval'));
}

function valueOf(deps: Deps, project: string, key: (typeof imageCacheKeys)[number]['key']): string {
  const row = imageCacheKeys.find((one) => one.key === key);
  return settingIn(deps, project, key) ?? row?.default ?? '';
}
