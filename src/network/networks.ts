import { mkdirSync } from 'node:fs';

import { backoffMs } from '../base/backoff.ts';
import { KeyedMutex } from '../base/mutex.ts';
import type { Paths } from '../contract/paths.ts';
import { openNetnsThread } from '../sys/kernel/netns.ts';

import { makeBridges, type Bridges } from './bridges.ts';
import { describeInterfaces, mostOfMachine, readNetns } from './interfaces.ts';
import { guardPort, parseGuarded, unguardPort } from './nft.ts';
import type { NetworkLog } from './log.ts';
import { networkPlaces } from './places.ts';
import { attachPort, portName, portOwner, removePort } from './ports.ts';
import { makeProxies } from './proxy/proxies.ts';
import type { OpenMachineFiles } from './proxy/side.ts';
import { runNft } from './run-nft.ts';
import { openSwitch, type Switch } from './switch.ts';
import type { Networks, NicSpec } from './types.ts';
import type { UplinkDriver } from './uplink.ts';

export interface NetworksDeps {
  readonly paths: Paths;
  readonly log: NetworkLog;
  /** Where socket files of machines are looked for. */
  readonly openFiles: OpenMachineFiles;
  /**
   * Uplink drivers in the order in which they are tried; slirp4netns first, whose sandbox is
   * tighter.
   */
  readonly drivers?: readonly UplinkDriver[];
}

interface Open {
  readonly net: Switch;
  readonly bridges: Bridges;
}

/** How often it is looked whether dnsmasq and the uplink still run. */
const superviseMs = 2000;
const mostSuperviseMs = 120_000;

/**
 * The network layer. Nothing is touched before the first `apply`, which adopts what an earlier
 * daemon left: the switch's namespace behind its mount, dnsmasq and the uplink by their command
 * lines. Must run in U0.
 */
export function makeNetworks({
  paths,
  log,
  openFiles,
  drivers = ['slirp4netns', 'pasta'],
}: NetworksDeps): Networks {
  const places = networkPlaces(paths);
  const mutex = new KeyedMutex();
  const guarded = new Set<string>();
  const thread = openNetnsThread();
  const proxies = makeProxies({ thread, openFiles }, ({ instance, device }, error) => {
    log.debug({ instance, device, err: error }, 'a proxied connection failed');
  });
  let opening: Promise<Open> | undefined;
  let open: Open | undefined;
  let timer: NodeJS.Timeout | undefined;
  /**
   * Vain attempts in a row to bring the network back, and when the next one may be, by
   * `performance.now`.
   */
  let revivals = 0;
  let reviveAt = 0;

  /** One change of bridges, rules and helpers at a time. */
  const exclusively = async <T>(work: () => Promise<T>): Promise<T> => {
    using _ = await mutex.hold('switch');
    return await work();
  };

  const openAll = async (): Promise<Open> => {
    for (const dir of [places.runDir, places.leaseDir, places.logDir]) {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
    }
    const net = await openSwitch(places.netnsFile, thread);
    open = { net, bridges: makeBridges({ net, places, log, drivers }) };
    return open;
  };

  const ensureOpen = (): Promise<Open> => {
    opening ??= openAll().catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  };

  /**
   * What cannot be brought back is tried ever more rarely: each time is a program more, and a line
   * of the log.
   */
  const supervise = (): void => {
    if (mutex.isHeld('switch') || performance.now() < reviveAt) return;
    exclusively(async () => open?.bridges.revive())
      .then(() => {
        revivals = 0;
      })
      .catch((error: unknown) => {
        reviveAt = performance.now() + backoffMs(revivals, superviseMs, mostSuperviseMs);
        revivals += 1;
        log.warn({ err: error }, 'cannot bring the network back');
      });
  };

  const guard = async (net: Switch, { hwaddr, filter, ...nic }: NicSpec): Promise<void> => {
    if (filter === undefined) return;
    await runNft(net.file, guardPort(portName(nic), hwaddr, filter.ipv4));
    guarded.add(portName(nic));
  };

  const unguard = async (net: Switch, port: string): Promise<void> => {
    if (guarded.delete(port)) await runNft(net.file, unguardPort(port));
  };

  const drop = async (net: Switch, port: string): Promise<void> => {
    removePort(net, port);
    await unguard(net, port);
  };

  return {
    get report() {
      return open?.bridges.report ?? { uplink: 'none', why: 'no network has been set up yet' };
    },

    apply: (bridges) =>
      exclusively(async () => {
        const first = open === undefined;
        const { net, bridges: all } = await ensureOpen();
        await all.apply(bridges);
        if (!first) return;
        const map = await runNft(net.file, 'list map bridge warren ports\n');
        for (const port of parseGuarded(map)) guarded.add(port);
        timer = setInterval(supervise, superviseMs).unref();
      }),

    async attach(initPid, nic) {
      const { net, bridges } = await ensureOpen();
      // Before the machine can send its first frame.
      bridges.introduce(nic);
      await guard(net, nic);
      try {
        return attachPort(net, initPid, nic);
      } catch (error) {
        // Where no port came of it; one that is there from before keeps its guard.
        const name = portName(nic);
        if (net.findLink(name) === undefined) await unguard(net, name);
        throw error;
      }
    },

    async detach(instance, device) {
      if (open !== undefined) await drop(open.net, portName({ instance, device }));
    },

    async prune(instances) {
      proxies.keepOnly(instances);
      if (open === undefined) return;
      for (const link of open.net.links()) {
        const owner = portOwner(link);
        if (owner !== undefined && !instances.includes(owner.instance))
          await drop(open.net, link.name);
      }
    },

    leases: async (bridge) => (await ensureOpen()).bridges.leases(bridge),

    releaseLease: async (bridge, hwaddr) => {
      await (await ensureOpen()).bridges.releaseLease(bridge, hwaddr);
    },

    addProxy: (initPid, proxy) => proxies.add(initPid, proxy),

    removeProxy(instance, device) {
      proxies.remove(instance, device);
      return Promise.resolve();
    },

    async interfaces(initPid) {
      const content = await readNetns(`/proc/${initPid}/ns/net`, thread, mostOfMachine);
      const ports = open?.net.links() ?? [];
      return describeInterfaces(
        content,
        ({ index, peerIndex }) =>
          ports.find((port) => port.index === peerIndex && port.peerIndex === index)?.name ?? '',
      );
    },

    async bridge(name) {
      const { net } = await ensureOpen();
      return describeInterfaces(await readNetns(net.file, thread), () => '')[name];
    },

    close: () =>
      exclusively(async () => {
        clearInterval(timer);
        proxies.closeAll();
        guarded.clear();
        const { net, bridges } = await ensureOpen();
        await bridges.stopAll();
        open = undefined;
        opening = undefined;
        net.remove();
        thread[Symbol.dispose]();
      }),
  };
}
