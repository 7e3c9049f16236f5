import type { DeviceMap } from '../api/instances.ts';

import { visibleDevices } from './expand.ts';
import { parseIoRate } from './values.ts';

/**
 * Of one block device, per second; an absent one is no limit. The words are the kernel's (io.max).
 */
export interface IoRates {
  readonly rbps?: number;
  readonly wbps?: number;
  readonly riops?: number;
  readonly wiops?: number;
}

export const ioRateNames = ['rbps', 'wbps', 'riops', 'wiops'] as const;

/** One `limits.…` key of a disk. */
export interface DiskRate {
  readonly device: string;
  readonly key: string;
  readonly value: string;
  /** Undefined: it lies in the storage pool, as the root disk and volumes do. */
  readonly source: string | undefined;
  readonly rates: IoRates;
}

/** What the disks of a validated, expanded config ask for. `limits.max` stands for both others. */
export function planDiskRates(devices: DeviceMap): DiskRate[] {
  return Object.entries(visibleDevices(devices)).flatMap(([device, keys]) => {
    if (keys['type'] !== 'disk') return [];
    const isInPool = keys['path'] === '/' || (keys['pool'] ?? '') !== '';
    const source = isInPool ? undefined : keys['source'];
    const wanted: readonly string[] =
      (keys['limits.max'] ?? '') === '' ? ['limits.read', 'limits.write'] : ['limits.max'];
    return wanted.flatMap((key): DiskRate[] => {
      const value = keys[key] ?? '';
      const rate = parseIoRate(value);
      if (rate === undefined) return [];
      const { unit, perSecond } = rate;
      const rates = {
        ...(key === 'limits.write' ? {} : { [`r${unit}`]: perSecond }),
        ...(key === 'limits.read' ? {} : { [`w${unit}`]: perSecond }),
      };
      return [{ device, key, value, source, rates }];
    });
  });
}

/** The kernel keeps one limit for each block device, so where disks share one the tighter holds. */
export function tighterOf(
  one: Readonly<Record<string, IoRates>>,
  other: Readonly<Record<string, IoRates>>,
): Record<string, IoRates> {
  const result: Record<string, IoRates> = { ...one };
  for (const [block, rates] of Object.entries(other)) {
    const known = result[block] ?? {};
    result[block] = Object.fromEntries(
      ioRateNames.flatMap((name) => {
        const least = Math.min(known[name] ?? Infinity, rates[name] ?? Infinity);
        return least === Infinity ? [] : [[name, least]];
      }),
    );
  }
  return result;
}
