import { access, constants, realpath, stat } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';

import { hostPath } from '../../base/brand.ts';
import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { parseBool } from '../../contract/config/values.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { allowedPaths, isAllowedPath } from '../../contract/policy/check.ts';
import type { BindMount } from '../../runtime/types.ts';
import { answers } from '../../sys/programs/answers.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { findPolicy } from '../policy/policy.ts';
import type { EngineDeps } from '../types.ts';
import { holdVolume, type Holder } from '../volumes/hold.ts';
import { volumeOfDevice } from '../volumes/list.ts';
import { planProxies, refuseProxyPaths } from './proxies.ts';
import { volumeFor } from '../projects/features.ts';

/** A disk or unix-char device as it is configured; whether its source is there is not asked yet. */
export interface Share {
  readonly device: string;
  /** A path of the host, or the name that the project of the machine has for a storage volume. */
  readonly source: string;
  readonly isVolume: boolean;
  /** A device node, and nothing else: of a `unix-char`. */
  readonly isNode: boolean;
  /** In the machine. */
  readonly target: string;
  readonly readonly: boolean;
  readonly recursive: boolean;
  /** Without it, a missing source is no error: there is no mount then. */
  readonly required: boolean;
}

/** In the order they are mounted: what lies below another's target comes after it. */
export function planShares(devices: DeviceMap): Share[] {
  return Object.entries(visibleDevices(devices))
    .flatMap(([device, keys]) => shareOf(device, keys) ?? [])
    .sort((a, b) => (a.target < b.target ? -1 : a.target > b.target ? 1 : 0));
}

function shareOf(device: string, keys: StringMap): Share | undefined {
  const isDisk = keys['type'] === 'disk' && keys['path'] !== '/';
  if (!isDisk && keys['type'] !== 'unix-char') return undefined;
  const target = filled(keys['path']) ?? filled(keys['source']);
  const source = filled(keys['source']) ?? filled(keys['path']);
  if (target === undefined || source === undefined) return undefined;
  return {
    device,
    source,
    isVolume: volumeOfDevice(keys) !== undefined,
    isNode: !isDisk,
    target,
    readonly: parseBool(keys['readonly'] ?? '') === true,
    recursive: parseBool(keys['recursive'] ?? '') === true,
    required: parseBool(keys['required'] ?? '') !== false,
  };
}

/**
 * What to mount for `machine`, which holds the volumes among them from then on. A missing source is
 * an issue, or the share is left out where it is not required. Sources are the user's own paths:
 * what may be read there is what the user may read. `what` is for the error: `start web`. Throws
 * `policy` for a source that leads where the administrator lets no machine.
 */
export async function bindShares(
  deps: EngineDeps,
  what: string,
  machine: Holder,
  shares: readonly Share[],
): Promise<BindMount[]> {
  const hostBinds = await bindPaths(deps, what, shares);
  const binds: BindMount[] = [];
  for (const share of shares) {
    const bind = hostBinds.get(share);
    if (bind !== undefined) binds.push(bind);
    if (!share.isVolume) continue;
    const source = await holdVolume(deps, volumeFor(deps, machine.name, share.source), machine);
    const { target, readonly } = share;
    binds.push({ source, target, readonly, recursive: false, kind: 'directory' });
  }
  return binds;
}

/** The same for paths of the host alone. */
async function bindPaths(
  deps: Pick<EngineDeps, 'policy' | 'ids'>,
  what: string,
  shares: readonly Share[],
): Promise<ReadonlyMap<Share, BindMount>> {
  const policy = findPolicy(deps, what);
  const denied: Issue[] = [];
  const issues: Issue[] = [];
  const binds = new Map<Share, BindMount>();
  for (const share of shares) {
    const { device, source, target, readonly, recursive, required } = share;
    if (share.isVolume) continue;
    const found = await kindOf(source, share.isNode);
    if (typeof found !== 'string') {
      const { path, kind } = found;
      // A link may lead to where the source itself could not be.
      if (policy !== undefined && !isAllowedPath(policy, path, deps.ids.user)) {
        const problem = `${path} is not allowed, ${allowedPaths(policy)}`;
        denied.push({ path: `devices.${device}.source`, problem });
      }
      binds.set(share, { source: hostPath(path), target, readonly, recursive, kind });
    } else if (required) {
      issues.push({ path: `devices.${device}.source`, problem: `${source} ${found}` });
    }
  }
  if (denied.length > 0) {
    throw new WarrenError('policy', { what, file: deps.policy.file, issues: denied });
  }
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
  return binds;
}

/**
 * Throws `invalid` for sources that cannot be mounted, of the shares that are new. One that has
 * vanished since does not stand in the way of other changes.
 */
export async function checkSources(
  deps: Pick<EngineDeps, 'policy' | 'ids'>,
  what: string,
  before: DeviceMap,
  after: DeviceMap,
): Promise<void> {
  await bindPaths(deps, what, changesOf(planShares(before), planShares(after)).added);
  const proxies = changesOf(planProxies('', before), planProxies('', after));
  await refuseProxyPaths(deps, what, proxies.added);
}

/** What is there no more and what is new; one that changed is both. */
export function changesOf<T>(
  before: readonly T[],
  after: readonly T[],
): { readonly removed: T[]; readonly added: T[] } {
  const isIn = (all: readonly T[], one: T): boolean =>
    all.some((other) => isDeepStrictEqual(other, one));
  return {
    removed: before.filter((one) => !isIn(after, one)),
    added: after.filter((one) => !isIn(before, one)),
  };
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

/** Each type hands out what it is for: a policy may allow the one and not the other. */
async function kindOf(
  source: string,
  isNode: boolean,
): Promise<string | { readonly path: string; readonly kind: BindMount['kind'] }> {
  if (!(await answers(source))) return 'is on a file system that does not answer';
  try {
    const path = await realpath(source);
    const found = await stat(path);
    if (isNode && !found.isCharacterDevice()) return 'is no character device';
    if (!isNode && (found.isCharacterDevice() || found.isBlockDevice())) {
      return 'is a device, wanted a directory or file, or the type unix-char';
    }
    if (found.isDirectory()) await access(path, constants.R_OK | constants.X_OK);
    else if (found.isFile()) await access(path, constants.R_OK);
    return { path, kind: found.isDirectory() ? 'directory' : 'file' };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return 'does not exist';
    if (hasErrno(error, 'EACCES', 'EPERM')) return 'is not yours to read';
    if (hasErrno(error, 'ELOOP')) return 'is a chain of links without an end';
    throw error;
  }
}
