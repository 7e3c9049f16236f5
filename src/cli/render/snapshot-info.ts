import { formatSize } from '../../base/units.ts';
import { fingerprint, imageName } from './instance-columns.ts';
import { paint, plain, type Look } from './look.ts';
import { formatRelative, parseTime } from './time.ts';

import type { InstanceSnapshot } from '../../contract/api/instances.ts';

/** `warren info web/before-upgrade`: one screen about a snapshot of the machine `instance`. */
export function formatSnapshot(instance: string, snapshot: InstanceSnapshot, look: Look): string {
  const { name, created_at: taken, expires_at: expires, size, profiles } = snapshot;
  const image = imageName(snapshot);
  const base = fingerprint(snapshot).slice(0, 12);
  const own = Object.entries(snapshot.devices).map(([device, keys]) => device + kindOf(keys));
  const rows: readonly (readonly [string, string])[] = [
    ['image', base === '' || base === image ? image : `${image} (${base})`],
    ['profiles', profiles.join(', ') || 'none'],
    ['devices', own.join(', ') || 'those of its profiles'],
    ['size', formatSize(size)],
    ['expires', parseTime(expires) === undefined ? 'never' : relative(expires, look)],
  ];
  const head = paint(look, 'bold', plain(`${instance}/${name}`));
  const lines = rows.map(([key, text]) => `  ${key.padEnd(10)} ${plain(text)}`);
  return `${[`${head}  taken ${relative(taken, look)}`, ...lines].join('\n')}\n`;
}

function kindOf({ type }: Readonly<Record<string, string>>): string {
  return type === undefined ? '' : ` (${type})`;
}

function relative(time: string, { now }: Look): string {
  return formatRelative(parseTime(time), now);
}
