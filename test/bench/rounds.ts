import { setImmediate as turn } from 'node:timers/promises';

import { bootTimes } from './boot.ts';
import { monotonicUs, type Command, type Host } from './host.ts';

import { streamBytes, streamFile } from './stream.ts';

import type { Api } from './api.ts';
import type { Peer } from './peer.ts';
import type { RowId } from './rows.ts';
import type { Samples } from './samples.ts';

export interface Bench {
  readonly host: Host;
  readonly samples: Samples;
  readonly signal: AbortSignal;
  readonly say: (text: string) => void;
}

/** Short commands are repeated within a round. */
const repeats = 5;

type Step = (peer: Peer) => Promise<void>;

/**
 * One life of one machine with every peer, step by step side by side: all create, then all start,
 * and so on, each step beginning with another peer than the round before. Round 0 warms up.
 */
export async function runRound(
  bench: Bench,
  peers: readonly Peer[],
  round: number,
  withMachines: boolean,
): Promise<void> {
  const { host, samples } = bench;
  // Two pools of one LXD share its names.
  const nameOf = ({ name }: Peer): string => `${name.replace(' ', '-')}-${round}`;
  const alive = new Set(peers);
  const inTurn = [...peers.slice(round % peers.length), ...peers.slice(0, round % peers.length)];

  const each = async (what: string, step: Step): Promise<void> => {
    bench.say(round === 0 ? `warming up: ${what}` : `round ${round}: ${what}`);
    for (const peer of inTurn) {
      await turn();
      bench.signal.throwIfAborted();
      if (!alive.has(peer)) continue;
      try {
        await step(peer);
      } catch (error) {
        // A peer that fails is left out of the rest of the round, with its reason below the table.
        alive.delete(peer);
        samples.note(`${peer.name}: ${what} failed: ${(error as Error).message}`);
      }
    }
  };
  const timed = (id: RowId, peer: Peer, command: Command | undefined): void => {
    if (command !== undefined) samples.add({ id }, peer.name, round, host.run(command).ms);
  };
  const started = async (peer: Peer, startedUs: number): Promise<[number, number]> => {
    const { initUs, bootedUs } = await bootTimes(host, peer, nameOf(peer));
    return [(initUs - startedUs) / 1000, (bootedUs - startedUs) / 1000];
  };
  const withApi =
    (step: (peer: Peer, api: Api) => Promise<void>): Step =>
    async (peer) => {
      if (peer.api !== undefined) await step(peer, peer.api);
    };

  for (let i = 0; i < repeats; i++)
    await each('version', (peer) => {
      timed('version', peer, peer.version?.());
      return Promise.resolve();
    });
  if (!withMachines) return;
  await each('create', (peer) => {
    timed('create', peer, peer.create?.(nameOf(peer)));
    return Promise.resolve();
  });
  await each('start', async (peer) => {
    const command = peer.start?.(nameOf(peer));
    if (command === undefined) return;
    const { ms, startedUs } = host.run(command);
    const [initMs, bootedMs] = await started(peer, startedUs);
    samples.add({ id: 'start' }, peer.name, round, ms);
    samples.add({ id: 'init' }, peer.name, round, initMs);
    samples.add({ id: 'booted' }, peer.name, round, bootedMs);
  });
  for (let i = 0; i < repeats; i++)
    await each('exec', (peer) => {
      timed('exec', peer, peer.exec?.(nameOf(peer), ['true']));
      return Promise.resolve();
    });
  for (let i = 0; i < repeats; i++)
    await each(
      'exec over the socket',
      withApi(async (peer, api) => {
        const startedUs = monotonicUs();
        await api.exec(nameOf(peer), ['true']);
        samples.add({ id: 'socket-exec' }, peer.name, round, (monotonicUs() - startedUs) / 1000);
      }),
    );
  await each('stream', (peer) => {
    const machine = nameOf(peer);
    const command = peer.stream?.(machine);
    if (command === undefined || !samples.wants('stream')) return Promise.resolve();
    const fill = `head -c ${streamBytes} /dev/zero > ${streamFile}`;
    if (peer.exec !== undefined) host.run(peer.exec(machine, ['sh', '-c', fill]));
    const { ms, stdout } = host.run(command);
    // Deleting it would count as deleting the machine, with those alone that have this row.
    if (peer.exec !== undefined) host.run(peer.exec(machine, ['rm', streamFile]));
    if (Number(stdout) !== streamBytes) throw new Error(`${stdout.trim()} bytes came out`);
    samples.add({ id: 'stream' }, peer.name, round, (streamBytes * 1000) / ms);
    return Promise.resolve();
  });
  await each('stop', (peer) => {
    timed('stop', peer, peer.stop?.(nameOf(peer)));
    return Promise.resolve();
  });
  await each(
    'start over the socket',
    withApi(async (peer, api) => {
      const startedUs = monotonicUs();
      await api.start(nameOf(peer));
      const [initMs] = await started(peer, startedUs);
      samples.add({ id: 'socket-init' }, peer.name, round, initMs);
      await api.stop(nameOf(peer));
    }),
  );
  await each('start and wait', async (peer) => {
    const command = peer.startAndWait?.(nameOf(peer));
    if (command === undefined) return;
    timed('wait', peer, command);
    await peer.api?.stop(nameOf(peer));
  });
  await each('delete', (peer) => {
    // Deleting is compared between machines that are stopped.
    if (peer.stop !== undefined) timed('delete', peer, peer.remove?.(nameOf(peer)));
    else if (peer.remove !== undefined) host.run(peer.remove(nameOf(peer)));
    return Promise.resolve();
  });
  await each('snapshot, restore, copy', (peer) => {
    if (peer.snapshot === undefined) return Promise.resolve();
    const [kept, copy] = [`${nameOf(peer)}-kept`, `${nameOf(peer)}-copy`];
    if (peer.create !== undefined) host.run(peer.create(kept));
    timed('snapshot', peer, peer.snapshot(kept));
    timed('restore', peer, peer.restore?.(kept));
    timed('copy', peer, peer.copy?.(kept, copy));
    if (peer.remove === undefined) return Promise.resolve();
    if (peer.copy !== undefined) host.run(peer.remove(copy));
    host.run(peer.remove(kept));
    return Promise.resolve();
  });
  for (const peer of peers)
    if (!alive.has(peer) && peer.remove !== undefined)
      try {
        host.run(peer.remove(nameOf(peer)));
      } catch {
        // What failed before may leave nothing to delete.
      }
}
