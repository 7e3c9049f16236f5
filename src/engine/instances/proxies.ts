import { readlink, realpath } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

import type { DeviceMap, StringMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { parseProxyAddress } from '../../contract/config/proxy-address.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import { allowedPaths, isAllowedPath } from '../../contract/policy/check.ts';
import type { ProxySpec } from '../../network/types.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { findPolicy } from '../policy/policy.ts';
import type { EngineDeps } from '../types.ts';

/** The published ports of an expanded, validated set of devices. */
export function planProxies(instance: string, devices: DeviceMap): ProxySpec[] {
  return Object.entries(visibleDevices(devices)).flatMap(([device, keys]) => {
    const proxy = keys['type'] === 'proxy' ? planProxy(instance, device, keys) : undefined;
    return proxy === undefined ? [] : [proxy];
  });
}

function planProxy(instance: string, device: string, keys: StringMap): ProxySpec | undefined {
  const listen = parseProxyAddress(keys['listen'] ?? '');
  const connect = parseProxyAddress(keys['connect'] ?? '');
  if (listen === undefined || connect === undefined) return undefined;
  const mode = keys['mode'] ?? '';
  return {
    instance,
    device,
    listen,
    connect,
    bind: keys['bind'] === 'instance' ? 'instance' : 'host',
    mode: mode === '' ? 0o644 : Number.parseInt(mode, 8),
  };
}

/**
 * Throws `policy` for a socket file of the host that by way of links is where the administrator
 * lets no machine.
 */
export async function refuseProxyPaths(
  deps: Pick<EngineDeps, 'policy' | 'ids'>,
  what: string,
  proxies: readonly ProxySpec[],
): Promise<void> {
  const policy = findPolicy(deps, what);
  if (policy === undefined) return;
  const issues: Issue[] = [];
  for (const { device, bind, listen, connect } of proxies) {
    const [key, end] = bind === 'host' ? ['listen', listen] : ['connect', connect];
    if (end.kind !== 'unix') continue;
    const path = await realPlace(end.path, key === 'connect');
    if (path === undefined || isAllowedPath(policy, path, deps.ids.user)) continue;
    const problem = `${path} is not allowed, ${allowedPaths(policy)}`;
    issues.push({ path: `devices.${device}.${key}`, problem });
  }
  if (issues.length > 0) throw new WarrenError('policy', { what, file: deps.policy.file, issues });
}

/**
 * Where a socket file is, or would be made; a link in its own place is only `followed` to connect.
 */
async function realPlace(path: string, followed: boolean): Promise<string | undefined> {
  try {
    if (followed) return await realpath(path);
  } catch (error) {
    // Nobody listens yet.
    if (!hasErrno(error, 'ENOENT')) {
      unlessUnreachable(error);
      return undefined;
    }
  }
  try {
    const directory = await realpath(dirname(path));
    const place = `${directory === '/' ? '' : directory}/${basename(path)}`;
    const target = followed ? await readlink(place).catch(() => undefined) : undefined;
    if (target === undefined) return place;
    return await realPlace(target.startsWith('/') ? target : `${directory}/${target}`, true);
  } catch (error) {
    unlessUnreachable(error);
    return undefined;
  }
}

/**
 * What cannot be reached is nothing that a machine is given; it is told of when it is to be used.
 */
function unlessUnreachable(error: unknown): void {
  if (!hasErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG')) throw error;
}
