import { expect } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { DeviceMap } from '../../src/contract/api/instances.ts';
import { scopeOf, type EmulatedHost } from './host.ts';

/** What tests of limits ask of machines, and of the kernel that holds them. */
export interface Machines {
  /** The first line of a file of a machine's cgroup. */
  read(name: string, file: string): Promise<string>;
  /** One number of such a file of words and numbers. */
  count(name: string, file: string, key: string): Promise<number>;
  /** Changes configuration, and devices where there are any. */
  change(
    name: string,
    config: Readonly<Record<string, string>>,
    devices?: DeviceMap,
  ): Promise<void>;
  /** Runs a line of shell that must succeed in a machine. */
  ok(name: string, line: string): Promise<void>;
  /** Leaves a line of shell running in a machine. */
  leave(name: string, line: string): Promise<void>;
  /** Processor time of machines over the same five seconds, as parts of one processor. */
  shares(...names: readonly string[]): Promise<number[]>;
}

export function machinesOf(host: EmulatedHost): Machines {
  return {
    async read(name, file) {
      return (await host.root(`head -n 1 ${scopeOf(name)}/${file}`)).trim();
    },
    async count(name, file, key) {
      return Number(await host.root(`sed -n 's/^${key} //p' ${scopeOf(name)}/${file}`));
    },
    async change(name, config, devices) {
      const body = { config, ...(devices && { devices }) };
      await (await host.api()).operate('PATCH', apiPath('instances', name), body);
    },
    async ok(name, line) {
      expect(await host.exec(name, line), line).toBe(0);
    },
    async leave(name, line) {
      expect(await host.exec(name, `setsid sh -c '${line}' </dev/null >/dev/null 2>&1 &`)).toBe(0);
    },
    async shares(...names) {
      const usage = names.map((name) => `sed -n 's/^usage_usec //p' ${scopeOf(name)}/cpu.stat`);
      const sample = ['cut -d " " -f 1 /proc/uptime', ...usage].join('; ');
      const lines = (await host.root(`${sample}; sleep 5; ${sample}`)).trim().split('\n');
      const [begin = 0, ...before] = lines.slice(0, lines.length / 2).map(Number);
      const [end = 0, ...after] = lines.slice(lines.length / 2).map(Number);
      return after.map((used, index) => (used - (before[index] ?? 0)) / 1e6 / (end - begin));
    },
  };
}

/** A shell's way to keep a processor busy. */
export const busyLoop = 'while :; do :; done';

/** Within a tenth. */
export function expectNear(found: number | undefined, wanted: number): void {
  expect(found).toBeGreaterThan(wanted * 0.9);
  expect(found).toBeLessThan(wanted * 1.1);
}
