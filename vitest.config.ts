import { statSync } from 'node:fs';
import { defineConfig } from 'vitest/config';
import type { TestSequencer, TestSpecification } from 'vitest/node';

/** The emulated host's files by how long they take: two run at a time, and the last is waited for alone. */
const vmFiles = [
  'power-cut-undoing',
  'power-cut-making',
  'limits',
  'service',
  'grants',
  'restart',
  'delegated',
  'snapshots',
  'debian',
].map((name) => `/vm/${name}.test.ts`);

/** The longest first: those of the list, then by size. */
class LongestFirst implements TestSequencer {
  shard(files: TestSpecification[]): TestSpecification[] {
    return files;
  }

  sort(files: TestSpecification[]): TestSpecification[] {
    const length = ({ moduleId }: TestSpecification): number => {
      const rank = vmFiles.findIndex((name) => moduleId.endsWith(name));
      return rank < 0 ? statSync(moduleId).size : 1e9 - rank;
    };
    const lengths = new Map(files.map((file) => [file, length(file)]));
    return files.toSorted((a, b) => (lengths.get(b) ?? 0) - (lengths.get(a) ?? 0));
  }
}

/**
 * unit, meta   pure logic and the tree itself; run anywhere
 * u0           one module on the real kernel; vitest itself runs inside a user namespace as its root
 * integration  real daemon, socket and database
 * system       the whole program as an ordinary user, with real machines
 * conformance  the same, driven by the programs that were made for LXD
 * vm           the packed program on an emulated host with systemd
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          isolate: false,
          testTimeout: 60_000,
        },
      },
      { test: { name: 'meta', include: ['test/meta/**/*.test.ts'], testTimeout: 60_000 } },
      {
        test: {
          name: 'u0',
          include: ['test/system/u0/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          exclude: ['test/system/u0/**'],
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 300_000,
          hookTimeout: 480_000,
        },
      },
      {
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          pool: 'forks',
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'vm',
          include: ['test/vm/**/*.test.ts'],
          globalSetup: ['test/vm/setup.ts'],
          pool: 'forks',
          // Two computers at a time, with a processor each when both are busy.
          maxWorkers: 2,
          testTimeout: 900_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
