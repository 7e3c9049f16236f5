import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

import { bootTimes } from './boot.ts';
import { monotonicUs } from './host.ts';
import { ownProcesses } from './processes.ts';

import type { Command } from './host.ts';
import type { Peer } from './peer.ts';
import type { Bench } from './rounds.ts';

const count = 4;
const settleMs = 3000;
const listRepeats = 5;
const chunk = 25;
const fillTimeoutMs = 180_000;

type Measured = 'memory' | 'processes' | 'disk' | 'disk-booted';

/** What machines cost while they are there: memory and processes of the manager's own, and disk. */
export async function measureStanding(bench: Bench, peers: readonly Peer[]): Promise<void> {
  for (const peer of peers) {
    bench.say(`memory and disk: ${peer.name}`);
    try {
      await measureOne(bench, peer);
    } catch (error) {
      bench.signal.throwIfAborted();
      bench.samples.note(`${peer.name}: memory and disk failed: ${(error as Error).message}`);
    }
  }
}

async function measureOne({ host, samples, signal }: Bench, peer: Peer): Promise<void> {
  const { create, start, stop, remove, ownsProcess, usedBytes } = peer;
  if (create === undefined || start === undefined || stop === undefined) return;
  if (remove === undefined || ownsProcess === undefined || usedBytes === undefined) return;
  const machines = Array.from({ length: count }, (_, i) => `${peer.name.replace(' ', '-')}-s${i}`);
  const add = (id: Measured, before: number, after: number): void => {
    samples.add({ id }, peer.name, 0, (after - before) / count);
  };
  const all = (command: (machine: string) => Command): void => {
    for (const machine of machines) {
      signal.throwIfAborted();
      host.run(command(machine));
    }
  };
  const startAll = async (): Promise<void> => {
    all(start);
    for (const machine of machines) await bootTimes(host, peer, machine);
  };
  const usedBefore = usedBytes();
  all(create);
  add('disk', usedBefore, usedBytes());
  // A manager's heap grows with the first machines and does not shrink: what counts is how much
  // more it has while they run than when it has stopped the same ones.
  await startAll();
  all(stop);
  add('disk-booted', usedBefore, usedBytes());
  await sleep(settleMs);
  const before = ownProcesses(ownsProcess);
  await startAll();
  await sleep(settleMs);
  const after = ownProcesses(ownsProcess);
  add('memory', before.bytes, after.bytes);
  add('processes', before.count, after.count);
  all(stop);
  all(remove);
}

/** Listing with so many machines in the database. */
export async function measureLists(
  bench: Bench,
  peers: readonly Peer[],
  sizes: readonly number[],
): Promise<void> {
  const { host, samples } = bench;
  const filled = new Set(
    peers.filter(({ list, fill }) => list !== undefined && fill !== undefined),
  );
  let there = 0;
  for (const size of sizes) {
    const missing = Array.from({ length: size - there }, (_, i) => `listed${there + i}`);
    there = size;
    for (const peer of [...filled]) {
      bench.say(`list of ${size}: ${peer.name}`);
      try {
        await fillInTime(bench, peer, missing);
      } catch (error) {
        bench.signal.throwIfAborted();
        filled.delete(peer);
        samples.note(`${peer.name}: list of ${size} not measured: ${(error as Error).message}`);
      }
    }
    for (let round = 0; round < listRepeats; round++)
      for (const peer of filled) {
        await turn();
        bench.signal.throwIfAborted();
        if (peer.list !== undefined)
          samples.add({ id: 'list', size }, peer.name, round, host.run(peer.list()).ms);
        if (peer.lxcList !== undefined && samples.wants('lxc-list'))
          samples.add({ id: 'lxc-list', size }, peer.name, round, host.run(peer.lxcList()).ms);
        if (peer.api === undefined || !samples.wants('list-full')) continue;
        const startedUs = monotonicUs();
        await peer.api.call('GET', '/1.0/instances?recursion=2');
        const ms = (monotonicUs() - startedUs) / 1000;
        samples.add({ id: 'list-full', size }, peer.name, round, ms);
      }
  }
}

async function fillInTime(bench: Bench, peer: Peer, names: readonly string[]): Promise<void> {
  const deadline = performance.now() + fillTimeoutMs;
  for (let i = 0; i < names.length; i += chunk) {
    bench.signal.throwIfAborted();
    if (performance.now() > deadline)
      throw new Error(
        `creating ${names.length} took longer than ${fillTimeoutMs / 60_000} minutes`,
      );
    await peer.fill?.(names.slice(i, i + chunk));
    await turn();
  }
}
