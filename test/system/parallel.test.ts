import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { leftovers } from '../helpers/leftovers.ts';
import { needs } from '../helpers/needs.ts';
import { eventually, openWarren, type Warren } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

interface Row {
  readonly name: string;
  readonly status: string;
  readonly state: { readonly network: Record<string, { addresses: { address: string }[] }> };
}

describe('thirty machines at once', () => {
  let warren: Warren;
  const names = Array.from({ length: 30 }, (_, index) => `m${index}`);

  beforeAll(async () => {
    warren = openWarren();
    await warren.ok(['launch', 'busybox', 'first']);
    await warren.ok(['delete', '--force', 'first']);
  });

  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  test('start, have an address each, and are deleted without a trace', async () => {
    const before = leftovers(warren);
    await Promise.all(names.map((name) => warren.ok(['init', 'busybox', name])));
    await warren.ok(['start', ...names]);
    await eventually(async () => {
      const rows = await warren.json<Row[]>(['list']);
      expect(rows.map(({ status }) => status)).toEqual(names.map(() => 'Running'));
      const addresses = rows.map(({ state }) =>
        Object.values(state.network)
          .flatMap((nic) => nic.addresses)
          .map(({ address }) => address)
          .find((address) => address.startsWith('10.77.')),
      );
      expect(new Set(addresses).size).toBe(names.length);
      expect(addresses).not.toContain(undefined);
    }, 60_000);
    process.stdout.write(
      `daemon ${privateMiB(await warren.daemonPid())} MiB, keeper ${privateMiB(warren.keeperPid())} MiB private with 30 machines\n`,
    );
    await warren.ok(['delete', '--force', ...names]);
    expect(await warren.json(['list'])).toEqual([]);
    // The kernel takes veth pairs down after the namespaces, in its own time.
    await eventually(() => {
      expect(leftovers(warren)).toEqual(before);
    }, 30_000);
  });
});

function privateMiB(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const kib = [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)];
  return Math.round(kib.reduce((sum, match) => sum + Number(match[1]), 0) / 1024);
}
