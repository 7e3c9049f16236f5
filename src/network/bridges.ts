import type { NetworkLease } from '../contract/api/networks.ts';
import { isRunning } from '../sys/proc/identity.ts';

import { bridgeHwaddr, ensureBridge, removeOtherBridges } from './addressing.ts';
import type { NetworkLog } from './log.ts';
import { stopHelper } from './helper.ts';
import { withoutReservation } from './dnsmasq.ts';
import { findNameServers, makeNameService, type NameService } from './names.ts';
import { switchRules } from './nft.ts';
import type { Places } from './places.ts';
import { runNft } from './run-nft.ts';
import type { Switch } from './switch.ts';
import type { BridgeConfig, NetworkReport, NicSpec } from './types.ts';
import {
  findUplink,
  startUplink,
  stopUplink,
  UplinkError,
  uplinkFacts,
  type Uplink,
  type UplinkDriver,
} from './uplink.ts';

/**
 * The bridges of the switch with what serves them. Its caller lets only one change run at a time.
 */
export interface Bridges {
  readonly report: NetworkReport;
  apply(bridges: readonly BridgeConfig[]): Promise<void>;
  /** Starts again what has died. */
  revive(): Promise<void>;
  introduce(nic: NicSpec): void;
  leases(bridge: BridgeConfig): NetworkLease[];
  releaseLease(bridge: BridgeConfig, hwaddr: string): Promise<void>;
  stopAll(): Promise<void>;
}

/** A failed start of the uplink is not tried again sooner. */
const uplinkRetryMs = 30_000;

/** The bridges of a switch. Makes nothing before the first change is asked for. */
export function makeBridges(deps: {
  readonly net: Switch;
  readonly places: Places;
  readonly log: NetworkLog;
  /** Uplink drivers in the order in which they are tried. */
  readonly drivers: readonly UplinkDriver[];
}): Bridges {
  const { net, places, log, drivers } = deps;
  let configs: readonly BridgeConfig[] = [];
  const services = new Map<string, NameService>();
  let uplink: Uplink | undefined;
  let hasLooked = false;
  let why = '';
  /** By the clock that nobody sets. */
  let retryAt = 0;

  const service = (bridge: BridgeConfig): NameService => {
    let found = services.get(bridge.name);
    if (found === undefined) {
      found = makeNameService(net, places, bridge);
      services.set(bridge.name, found);
    }
    return found;
  };

  const ensureUplink = async (): Promise<void> => {
    if (uplink !== undefined && !isRunning(uplink.helper.identity)) uplink = undefined;
    // One of an earlier daemon. Nobody else starts any, and to look for it is to look at every
    // process.
    if (!hasLooked) uplink = findUplink(net.file);
    hasLooked = true;
    if (!configs.some(({ ipv4, nat }) => ipv4 !== undefined && nat)) {
      if (uplink !== undefined) await stopUplink(uplink);
      uplink = undefined;
      why = 'no network has ipv4.nat';
      return;
    }
    if (uplink !== undefined || performance.now() < retryAt) return;
    try {
      uplink = await startUplink({
        netnsFile: net.file,
        logFile: `${places.logDir}/uplink.log`,
        drivers,
      });
    } catch (error) {
      if (!(error instanceof UplinkError)) throw error;
      why = error.message;
      retryAt = performance.now() + uplinkRetryMs;
      log.warn({ why }, 'machines cannot reach the outside');
    }
  };

  const stopAll = async (): Promise<void> => {
    const running = uplink ?? findUplink(net.file);
    await Promise.all([
      ...findNameServers(places).map(stopHelper),
      ...(running === undefined ? [] : [stopUplink(running)]),
    ]);
    services.clear();
    uplink = undefined;
  };

  return {
    get report(): NetworkReport {
      if (uplink === undefined) return { uplink: 'none', why };
      return { uplink: uplink.driver, why: '' };
    },

    async apply(bridges) {
      configs = bridges;
      const names = bridges.map(({ name }) => name);
      for (const bridge of bridges) ensureBridge(net, bridge);
      for (const server of findNameServers(places)) {
        if (!names.includes(server.bridge)) await stopHelper(server);
      }
      for (const name of services.keys()) if (!names.includes(name)) services.delete(name);
      removeOtherBridges(net, names);
      retryAt = 0;
      await Promise.all([
        runNft(net.file, switchRules(bridges, uplinkFacts)),
        ensureUplink(),
        ...bridges.map((bridge) => service(bridge).ensure(bridge)),
      ]);
    },

    async revive() {
      await Promise.all([
        ensureUplink(),
        ...configs.map((bridge) => service(bridge).ensure(bridge)),
      ]);
    },

    introduce(nic) {
      services.get(nic.bridge)?.introduce(nic);
    },

    leases: (bridge) =>
      service(bridge)
        .leases()
        .map((lease) =>
          lease.type === 'gateway' ? { ...lease, hwaddr: bridgeHwaddr(bridge.name) } : lease,
        ),

    async releaseLease(bridge, hwaddr) {
      // Or what is brought back later would know the machine again.
      configs = configs.map((known) =>
        known.name === bridge.name ? withoutReservation(known, hwaddr) : known,
      );
      await service(bridge).release(hwaddr);
    },

    stopAll,
  };
}
