import { realpath, stat } from 'node:fs/promises';

import { hostPath } from '../../base/brand.ts';
import type { DeviceMap } from '../../contract/api/instances.ts';
import { visibleDevices } from '../../contract/config/expand.ts';
import { parseBool } from '../../contract/config/values.ts';
import { type Issue, WarrenError } from '../../contract/errors.ts';
import type { BindMount } from '../../runtime/types.ts';
import { hasErrno } from '../../sys/sys-error.ts';

/**
 * The bind mounts of disk and unix-char devices. A missing source is an issue unless
 * `required=false`, and then the device is left out. Sources are the user's own paths: what may be
 * read there is what the user may read.
 */
export async function planBinds(name: string, devices: DeviceMap): Promise<BindMount[]> {
  const issues: Issue[] = [];
  const binds: BindMount[] = [];
  for (const [device, keys] of Object.entries(visibleDevices(devices))) {
    const isDisk = keys['type'] === 'disk' && keys['path'] !== '/';
    if (!isDisk && keys['type'] !== 'unix-char') continue;
    const target = filled(keys['path']) ?? filled(keys['source']);
    const source = filled(keys['source']) ?? filled(keys['path']);
    if (target === undefined || source === undefined) continue;
    const found = await kindOf(source);
    if (typeof found === 'string') {
      if (parseBool(keys['required'] ?? '') !== false) {
        issues.push({ path: `devices.${device}.source`, problem: `${source} ${found}` });
      }
      continue;
    }
    binds.push({
      source: hostPath(found.path),
      target,
      readonly: parseBool(keys['readonly'] ?? '') === true,
      recursive: parseBool(keys['recursive'] ?? '') === true,
      kind: found.kind,
    });
  }
  if (issues.length > 0) throw new WarrenError('invalid', { what: `start ${name}`, issues });
  return binds;
}

function filled(value: string | undefined): string | undefined {
  return value === '' ? undefined : value;
}

async function kindOf(
  source: string,
): Promise<string | { readonly path: string; readonly kind: BindMount['kind'] }> {
  try {
    const path = await realpath(source);
    return { path, kind: (await stat(path)).isDirectory() ? 'directory' : 'file' };
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR')) return 'does not exist';
    if (hasErrno(error, 'EACCES', 'EPERM')) return 'is not yours to read';
    throw error;
  }
}
