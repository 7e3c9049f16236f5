import type { PaxRecords } from './pax.ts';

const xattrPrefix = 'SCHILY.xattr.';

/**
 * Records about the entry itself that are passed on; times other than mtime and names of owners are
 * not.
 */
const plainKeys = new Set(['path', 'linkpath', 'size', 'uid', 'gid', 'mtime']);

/**
 * What of an entry's extended header may reach a machine. Overlay's private attributes could forge
 * redirects and whiteouts of the layer store; `trusted.*`, other `security.*` and `system.*` cannot
 * be set by a machine's root anyhow; capabilities for the root of another namespace are void.
 */
export function keepRecords(records: PaxRecords): Map<string, string> {
  return new Map([...records].filter(([key, value]) => isKept(key, value)));
}

function isKept(key: string, value: string): boolean {
  if (plainKeys.has(key) || key.startsWith('GNU.sparse.')) return true;
  if (key === 'SCHILY.acl.access' || key === 'SCHILY.acl.default') return true;
  if (!key.startsWith(xattrPrefix)) return false;
  const name = key.slice(xattrPrefix.length);
  if (name === 'security.capability') return isOwnCapability(value);
  return name.startsWith('user.') && !name.startsWith('user.overlay.');
}

/**
 * `struct vfs_cap_data` (linux/capability.h): revision in the top byte of the first little-endian
 * word. Revision 2 has no root id; revision 3 ends with one, which must be the machine's own 0.
 */
function isOwnCapability(value: string): boolean {
  const bytes = Buffer.from(value, 'latin1');
  const revision = bytes.length >= 4 ? bytes.readUInt8(3) : 0;
  if (revision === 2) return bytes.length === 20;
  return revision === 3 && bytes.length === 24 && bytes.readUInt32LE(20) === 0;
}
