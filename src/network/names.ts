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
  release(hwaddr: string): Promise<void>;
}

const program = 'dnsmasq';

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

export function makeNameService(net: Switch, places: Places, first: BridgeConfig): NameService {
  let bridge = first;
  let helper: Helper | undefined;
  const introduced = new Map<string, Reservation>();

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

  const given = (): LeaseLine[] => parseLeases(readOr(leaseFile(places, bridge.name), ''));

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
      if (helper !== undefined && isRight(helper) && isRunning(helper.identity)) return;
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
      const known = bridge.reservations.find(isOf(mac));
      if (known?.instance === instance) introduced.delete(mac);
      else introduced.set(mac, { instance, hwaddr: mac, address: known?.address });
      writeHosts();
    },

    leases: () => leasesOf(bridge, reservations(), given()),

    async release(hwaddr) {
      const mac = hwaddr.toLowerCase();
      const server = bridge.ipv4?.split('/')[0];
      introduced.delete(mac);
      bridge = withoutReservation(bridge, mac);
      writeHosts();
      if (server === undefined) return;
      const file = leaseFile(places, bridge.name);
      let seen = 0;
      for (let tries = 0; tries < 100; tries++) {
        const text = readOr(file, '');
        const lease = parseLeases(text).find((line) => line.hwaddr === mac);
        if (lease === undefined && (seen > 0 || !isBeingWritten(file, text))) return;
        // Many at once are more than its socket holds: said again now and then.
        if (lease !== undefined && seen++ % 10 === 0) {
          await sendRelease(net, bridge.name, { address: lease.address, server, hwaddr: mac });
        }
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
): Promise<void> {
  const fd = await net.openSocket('udp4');
  try {
    bindToDevice(fd, device);
    sendDatagram(fd, releasePacket(lease.address, lease.server, lease.hwaddr), lease.server, 67);
  } finally {
    closeFd(fd);
  }
}

const freshMs = 50;

/**
 * Whether what is missing in this text of dnsmasq's file of leases may be about to come: it empties the file
 * and fills it anew, in pieces of 4,096 bytes.
 */
function isBeingWritten(file: string, text: string): boolean {
  if (Buffer.byteLength(text) % 4096 !== 0) return false;
  const writtenMs = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return Date.now() - writtenMs < freshMs;
}

function readOr<T>(file: string, missing: T): string | T {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return missing;
    throw error;
  }
}
