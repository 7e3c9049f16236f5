import { nameWithout } from '../../base/names.ts';
import type { StringMap } from '../../contract/api/instances.ts';
import { validateDevices } from '../../contract/config/devices.ts';
import { readIdmap } from '../../contract/config/read.ts';
import { validateConfig } from '../../contract/config/validate.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { planIdmap } from '../idmap.ts';
import { fixedAddressProblem, networkOfNic } from '../networks/nics.ts';
import { heldAddressIssues } from '../networks/held-addresses.ts';
import { addressHolders, sharedAddressIssues } from '../networks/shared-addresses.ts';
import { checkPolicy } from '../policy/policy.ts';
import { checkProjectLimits } from '../projects/limits.ts';
import type { EngineDeps, InstanceRecord, ProfileRecord } from '../types.ts';
import { volumeOfDevice } from '../volumes/list.ts';
import { expander, expandInstance } from './list.ts';
import { volumeFor } from '../projects/features.ts';

type Settings = Pick<InstanceRecord, 'config' | 'devices' | 'profiles'>;

/**
 * The one check of what a machine may be, after every merge: create, copy, update, restore, edit of
 * a profile. Returns every issue.
 */
export function instanceIssues(
  deps: EngineDeps,
  machine: string,
  settings: Settings,
  profileOverride?: ProfileRecord,
): Issue[] {
  const issues: Issue[] = [
    ...validateConfig(settings.config, 'instance'),
    ...validateDevices(settings.devices),
  ];
  for (const name of settings.profiles) {
    if (name === profileOverride?.name || deps.store.profiles.find(name) !== undefined) continue;
    issues.push({ path: 'profiles', problem: `there is no profile "${nameWithout(name)}"` });
  }
  if (new Set(settings.profiles).size !== settings.profiles.length) {
    issues.push({ path: 'profiles', problem: 'a profile is named twice, wanted each once' });
  }
  if (issues.length > 0) return issues;

  const expanded = expandInstance(deps, settings, profileOverride);
  issues.push(...validateConfig(expanded.config, 'instance'));
  issues.push(...validateDevices(expanded.devices));
  if (issues.length > 0) return issues;
  issues.push(...deviceIssues(deps, expanded.devices, (name) => volumeFor(deps, machine, name)));
  issues.push(
    ...planIdmap({ start: 1, size: 65_536 }, readIdmap(expanded.config), deps.ids.u0).issues,
  );
  return issues;
}

/** A machine as it would be. */
interface Candidate {
  readonly machine: string;
  readonly settings: Settings;
  /** The machine as it is, when there is one. */
  readonly current?: InstanceRecord;
  /**
   * A change or a restore is not refused for what all machines of the user have together unless it
   * adds to that; a start is, and so is a new machine, which counts as one.
   */
  readonly moment: 'start' | 'restore' | 'change';
}

/**
 * Throws `invalid` with every issue, `policy` with every one that the administrator's rules have
 * with the candidate, and `forbidden` for the limits of its project. `what` is for the error:
 * `start web`.
 */
export function checkInstance(
  deps: EngineDeps,
  what: string,
  { machine, settings, current, moment }: Candidate,
): void {
  refuseIssues(what, instanceIssues(deps, machine, settings));
  const expanded = expandInstance(deps, settings);
  const expandEach = expander(deps);
  const before =
    current === undefined || moment === 'start' ? undefined : expandEach(current).devices;
  const holders = () => addressHolders(deps, (record) => expandEach(record).devices);
  refuseIssues(what, sharedAddressIssues(expanded.devices, current?.id, holders, before));
  checkPolicy(deps, what, { own: settings.config, expanded, current }, expandEach, moment);
  const limited = moment === 'start' ? 'start' : 'change';
  checkProjectLimits(deps, what, [{ machine, record: current, expanded }], limited);
}

/**
 * Throws `invalid` when DHCP gave a fixed address in expanded `devices` to another machine, which
 * runs with it; those in `before` are let through. `id` is the machine's own, when it has one
 * already.
 */
export async function refuseHeldAddresses(
  deps: EngineDeps,
  what: string,
  devices: Settings['devices'],
  id: number | undefined,
  before?: Settings['devices'],
): Promise<void> {
  refuseIssues(what, await heldAddressIssues(deps, devices, id, before));
}

/** Throws `invalid` unless there are no issues. */
export function refuseIssues(what: string, issues: readonly Issue[]): void {
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
}

/**
 * Rules that need the database: networks, pools and volumes that exist, those as `volumeNamed`
 * finds them.
 */
export function deviceIssues(
  deps: EngineDeps,
  devices: Settings['devices'],
  volumeNamed: (name: string) => string,
): Issue[] {
  const issues: Issue[] = [];
  for (const [name, device] of Object.entries(devices)) {
    if (device['type'] === 'nic') {
      issues.push(...nicIssues(deps, name, device));
    }
    const pool = device['pool'] ?? '';
    if (device['type'] === 'disk' && pool !== '' && pool !== 'default') {
      issues.push({
        path: `devices.${name}.pool`,
        problem: `there is no storage pool "${pool}", wanted default`,
      });
    }
    const volume = volumeOfDevice(device);
    if (volume !== undefined && deps.store.volumes.find(volumeNamed(volume)) === undefined) {
      issues.push({
        path: `devices.${name}.source`,
        problem: `there is no storage volume "${volume}"`,
      });
    }
  }
  return issues;
}

function nicIssues(deps: EngineDeps, name: string, device: StringMap): Issue[] {
  const wanted = networkOfNic(device);
  const network = wanted === undefined ? undefined : deps.store.networks.find(wanted);
  if (network === undefined) {
    const problem =
      wanted === undefined ? 'wanted the name of a network' : `there is no network "${wanted}"`;
    return [{ path: `devices.${name}.network`, problem }];
  }
  const address = device['ipv4.address'] ?? '';
  const problem = address === '' ? undefined : fixedAddressProblem(network, address);
  return problem === undefined ? [] : [{ path: `devices.${name}.ipv4.address`, problem }];
}
