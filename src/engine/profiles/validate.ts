import { isObjectName, nameWithout } from '../../base/names.ts';
import { validateDevices } from '../../contract/config/devices.ts';
import { validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { deviceIssues } from '../instances/validate.ts';
import type { EngineDeps, ProfileRecord } from '../types.ts';
import { volumeForProfile } from '../projects/features.ts';

/** Throws `invalid` with every issue. */
export function checkProfile(
  deps: EngineDeps,
  what: string,
  profile: Omit<ProfileRecord, 'id'>,
): void {
  const issues: Issue[] = [
    ...nameIssues(nameWithout(profile.name)),
    ...validateConfig(profile.config, 'profile'),
    ...validateDevices(profile.devices),
  ];
  if (issues.length === 0)
    issues.push(
      ...deviceIssues(deps, profile.devices, (name) => volumeForProfile(deps, profile.name, name)),
    );
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

/** What is wrong with the name of a profile, if anything. */
export function nameIssues(name: string): Issue[] {
  if (isObjectName(name)) return [];
  return [
    {
      path: 'name',
      problem: `${JSON.stringify(name.slice(0, 80))} is no name, wanted 1 to 63 letters, digits, dots, dashes and underscores`,
    },
  ];
}
