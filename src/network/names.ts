import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { NetworkLease } from '../contract/api/networks.ts';
import { bindToDevice, sendDatagram } from '../sys/kernel/inet.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { isRunning } from '../sys/proc/identity.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';

import {
  dnsmasqArgs,
  formatHosts,
  hostsFile,
  leaseFile,
  leasesOf,
  logFile,
  parseLeases,
  releasePacket,
  withoutReservation,
  type LeaseLine,
  type Reservation,
} from './dnsmasq.ts';
import { findHelpers, signalHelper, stopHelper, type Helper } from './helper.ts';
import type { Places } from './places.ts';
import type { Switch } from './switch.ts';
import type { BridgeConfig, NicSpec } from './types.ts';
import { uplinkDns } from './uplink.ts';

/** DHCP and DNS of one bridge. */
export interface NameService {
  /** Starts dnsmasq, adopts a running one with the same configuration, or replaces another. */
  ensure(bridge: BridgeConfig): Promise<void>;
  /** A machine of that hardware address gets its name, whatever `ensure` was told before. */
  introduce(nic: NicSpec): void;
  leases(): NetworkLease[];
  /** Takes a lease back, which `ensure` sees to again until it is certain. */
  release(hwaddr: string): Promise<void>;
}

const program = 'dnsmasq';

/**
 * What dnsmasq does not give up after so many looks, such as a lease without an end, it never will.
 */
const maxLooks = 20;

/** Longest log that is left as it is; there is an older one beside it (`.1`). */
const maxLogBytes = 1024 * 1024;

/**
 * It hears packets from machines, so it keeps of its rights as root of U0 only what it serves with,
 * and can win none back.
 */
const confined = [
  'setpriv',
  '--no-new-privs',
  '--inh-caps=-all',
  // setgid: for the call that sets the group it has already.
  '--bounding-set=-all,+net_admin,+net_raw,+net_bind_service,+setgid',
  '--',
];

/** DHCP and DNS for the bridge `first`, whose configuration `ensure` may change later. */
export function makeNameService(net: Switch, places: Places, first: BridgeConfig): NameService {
  let bridge = first;
  let helper: Helper | undefined;
  const introduced = new Map<string, Reservation>();
  /**
   * Hardware addresses whose lease is taken back: how often it has seemed gone, of how many looks.
   */
  const leaving = new Map<string, { readonly seenGone: number; readonly all: number }>();

  const isOf = (mac: string) => (reservation: Reservation) =>
    reservation.hwaddr.toLowerCase() === mac;

  const reservations = (): readonly Reservation[] => [
    ...bridge.reservations.filter(({ hwaddr }) => !introduced.has(hwaddr.toLowerCase())),
    ...introduced.values(),
  ];

  /** dnsmasq reads the file again at SIGHUP; leases and connections stay. */
  const writeHosts = (): void => {
    const file = hostsFile(places, bridge.name);
    const text = formatHosts(reservations());
    if (readOr(file, undefined) === text) return;
    writeFileSync(`${file}.new`, text, { mode: 0o600 });
    renameSync(`${file}.new`, file);
    if (helper !== undefined) signalHelper(helper, 'SIGHUP');
  };

  /**
   * A machine's packets can write a megabyte of lines a second. dnsmasq begins a new file at
   * SIGUSR2.
   */
  const boundLog = (server: Helper): void => {
    const file = logFile(places, bridge.name);
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) <= maxLogBytes) return;
    renameSync(file, `${file}.1`);
    signalHelper(server, 'SIGUSR2');
  };

  const given = (): LeaseLine[] => parseLeases(readOr(leaseFile(places, bridge.name), ''));

  /**
   * Whether there is nothing to do for a lease in `leaving`: dnsmasq's file has it no more, or a
   * machine of that hardware address has started meanwhile. Where it has, `ask` it to give that up.
   */
  const takeBack = async (mac: string, ask: boolean): Promise<boolean> => {
    const lease = given().find((line) => line.hwaddr === mac);
    const server = bridge.ipv4?.split('/')[0];
    if (lease === undefined || server === undefined) return true;
    if (ask) {
      const isLeft = (): boolean => leaving.has(mac);
      await sendRelease(net, bridge.name, { address: lease.address, server, hwaddr: mac }, isLeft);
    }
    return !leaving.has(mac);
  };

  /**
   * What seems taken back may not be: dnsmasq empties its file before it fills it anew, and its
   * socket holds only so many releases at once.
   */
  const lookAgain = async (): Promise<void> => {
    for (const [mac, looks] of leaving) {
      const isGone = await takeBack(mac, true).catch(() => false);
      if (!leaving.has(mac)) continue;
      const { seenGone, all } = { seenGone: isGone ? looks.seenGone + 1 : 0, all: looks.all + 1 };
      if (seenGone < 2 && all < maxLooks) leaving.set(mac, { seenGone, all });
      else leaving.delete(mac);
    }
  };

  const running = (): Helper[] =>
    findNameServers(places).filter((server) => server.bridge === bridge.name);

  const stopAll = async (): Promise<void> => {
    await Promise.all(running().map(stopHelper));
    helper = undefined;
  };

  return {
    async ensure(wanted) {
      bridge = wanted;
      for (const { hwaddr } of wanted.reservations) introduced.delete(hwaddr.toLowerCase());
      writeHosts();
      if (bridge.ipv4 === undefined) {
        await stopAll();
        return;
      }
      const args = dnsmasqArgs(bridge, places, uplinkDns);
      const isRight = ({ argv }: Helper): boolean => argv.slice(1).join('\0') === args.join('\0');
      if (helper !== undefined && isRight(helper) && isRunning(helper.identity)) {
        boundLog(helper);
        await lookAgain();
        return;
      }
      // Copies of itself that dnsmasq makes for TCP are younger.
      const [oldest] = running();
      if (oldest !== undefined && isRight(oldest)) {
        helper = oldest;
        signalHelper(helper, 'SIGHUP');
        return;
      }
      await stopAll();
      // It goes into the background once its sockets are bound, and belongs to the keeper then.
      await run('nsenter', [`--net=${net.file}`, '--', ...confined, program, ...args], {
        what: `serve names on ${bridge.name}`,
        timeoutMs: 10_000,
      });
      [helper] = running();
    },

    introduce({ instance, hwaddr }) {
      const mac = hwaddr.toLowerCase();
      leaving.delete(mac);
      const known = bridge.reservations.find(isOf(mac));
      if (known?.instance === instance) introduced.delete(mac);
      else introduced.set(mac, { instance, hwaddr: mac, address: known?.address });
      writeHosts();
    },

    leases: () => leasesOf(bridge, reservations(), given()),

    async release(hwaddr) {
      const mac = hwaddr.toLowerCase();
      introduced.delete(mac);
      bridge = withoutReservation(bridge, mac);
      writeHosts();
      leaving.set(mac, { seenGone: 0, all: 0 });
      for (let tries = 0; tries < 100; tries++) {
        if (await takeBack(mac, tries % 10 === 0)) return;
        await sleep(5);
      }
    },
  };
}

/** Every dnsmasq of this user's switch: its log file is named by nobody else's. */
export function findNameServers(places: Places): (Helper & { readonly bridge: string })[] {
  const option = `--log-facility=${places.logDir}/dnsmasq-`;
  const bridgeOf = (argv: readonly string[]): string | undefined =>
    argv[0]?.endsWith(program) === true
      ? argv.find((word) => word.startsWith(option))?.slice(option.length, -'.log'.length)
      : undefined;
  return findHelpers((argv) => bridgeOf(argv) !== undefined).map((helper) => ({
    ...helper,
    bridge: bridgeOf(helper.argv) ?? '',
  }));
}

/** From the switch, as if it came in by the bridge, where dnsmasq listens for it. */
async function sendRelease(
  net: Switch,
  device: string,
  lease: { address: string; server: string; hwaddr: string },
  isWanted: () => boolean,
): Promise<void> {
  const fd = await net.openSocket('udp4');
  try {
    if (!isWanted()) return;
    bindToDevice(fd, device);
    sendDatagram(fd, releasePacket(lease.address, lease.server, lease.hwaddr), lease.server, 67);
  } finally {
    closeFd(fd);
  }
}

function readOr<T>(file: string, missing: T): string | T {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return missing;
    throw error;
  }
}
