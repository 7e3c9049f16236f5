import { validateDevices } from '../../contract/config/devices.ts';
import { expand } from '../../contract/config/expand.ts';
import { readIdmap } from '../../contract/config/read.ts';
import { validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { planIdmap } from '../idmap.ts';
import { networkOfNic } from '../networks/nics.ts';
import type { EngineDeps, InstanceRecord } from '../types.ts';

type Settings = Pick<InstanceRecord, 'config' | 'devices' | 'profiles'>;

/**
 * The one check of what a machine may be, after every merge: create, copy, update, restore, edit of
 * a profile. Returns every issue.
 */
export function instanceIssues(
  deps: EngineDeps,
  settings: Settings,
  profileOverride?: { readonly name: string } & Pick<Settings, 'config' | 'devices'>,
): Issue[] {
  const issues: Issue[] = [
    ...validateConfig(settings.config, 'instance'),
    ...validateDevices(settings.devices),
  ];
  const profiles = settings.profiles.flatMap((name) => {
    if (name === profileOverride?.name) return [profileOverride];
    const profile = deps.store.profiles.find(name);
    if (profile !== undefined) return [profile];
    issues.push({ path: 'profiles', problem: `there is no profile "${name}"` });
    return [];
  });
  if (new Set(settings.profiles).size !== settings.profiles.length) {
    issues.push({ path: 'profiles', problem: 'a profile is named twice, wanted each once' });
  }
  if (issues.length > 0) return issues;

  const expanded = expand(profiles, settings);
  issues.push(...validateConfig(expanded.config, 'instance'));
  issues.push(...validateDevices(expanded.devices));
  if (issues.length > 0) return issues;
  issues.push(...deviceIssues(deps, expanded.devices));
  issues.push(
    ...planIdmap({ start: 1, size: 65_536 }, readIdmap(expanded.config), deps.ids.u0).issues,
  );
  return issues;
}

/** Throws `invalid` with every issue. */
export function checkInstance(deps: EngineDeps, what: string, settings: Settings): void {
  const issues = instanceIssues(deps, settings);
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

/** Rules that need the database: networks and pools that exist. */
export function deviceIssues(deps: EngineDeps, devices: Settings['devices']): Issue[] {
  const issues: Issue[] = [];
  for (const [name, device] of Object.entries(devices)) {
    if (device['type'] === 'nic') {
      const network = networkOfNic(device);
      if (network === undefined || deps.store.networks.find(network) === undefined) {
        const problem =
          network === undefined
            ? 'wanted the name of a network'
            : `there is no network "${network}"`;
        issues.push({ path: `devices.${name}.network`, problem });
      }
    }
    const pool = device['pool'] ?? '';
    if (device['type'] === 'disk' && pool !== '' && pool !== 'default') {
      issues.push({
        path: `devices.${name}.pool`,
        problem: `there is no storage pool "${pool}", wanted default`,
      });
    }
  }
  return issues;
}
