import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, readFileSync } from 'node:fs';
import { once } from 'node:events';

import { programEnvironment } from '../sys/programs/environment.ts';
import { hasErrno } from '../sys/sys-error.ts';

import { findHelpers, stopHelper, type Helper } from './helper.ts';
import type { UplinkFacts } from './nft.ts';

/**
 * The uplink's own subnet. From the range for benchmarks of networks (RFC 2544), which is on
 * nobody's wire; slirp4netns' default 10.0.2.0/24 is the network of every VirtualBox guest.
 */
const prefix = '198.18.77';
export const uplinkFacts: UplinkFacts = { device: 'tap0', subnet: `${prefix}.0/24` };
/** Answers DNS with what the host's own resolver says. */
export const uplinkDns = `${prefix}.3`;

export type UplinkDriver = 'slirp4netns' | 'pasta';

export interface Uplink {
  readonly driver: UplinkDriver;
  readonly helper: Helper;
}

/**
 * How a driver is started; tried in order, since older programs and kernels lack some protections.
 */
interface Attempt {
  readonly driver: UplinkDriver;
  readonly args: readonly string[];
  /**
   * Writes to descriptor 3 once the interface is up; else it is up when the parent has exited with
   * 0.
   */
  readonly readyFd: boolean;
}

/** Both drivers are up in a fraction of a second. Whoever changes a network waits meanwhile. */
const startMs = 10_000;
const isSilent = `did not come up in ${startMs / 1000} s`;

/** An uplink that an earlier daemon left running for this switch. */
export function findUplink(netnsFile: string): Uplink | undefined {
  for (const { driver, args } of attempts(netnsFile)) {
    const [helper] = findHelpers((argv) => isSame(argv, [driver, ...args]));
    if (helper !== undefined) return { driver, helper };
  }
  return undefined;
}

/**
 * Starts the first of `drivers` that works, each with as many of its protections as this host lets
 * it have. Throws an `UplinkError` that says why none did.
 */
export async function startUplink(options: {
  readonly netnsFile: string;
  readonly logFile: string;
  readonly drivers: readonly UplinkDriver[];
}): Promise<Uplink> {
  const { netnsFile, logFile, drivers } = options;
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK);
  } catch (error) {
    if (!hasErrno(error, 'ENOENT', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV')) throw error;
    throw new UplinkError(
      hasErrno(error, 'EACCES', 'EPERM')
        ? '/dev/net/tun may not be read and written; sudo chmod 0666 /dev/net/tun'
        : '/dev/net/tun is not there; sudo modprobe tun',
    );
  }
  const reasons = new Set<string>();
  for (const driver of drivers) {
    for (const attempt of attempts(netnsFile).filter((each) => each.driver === driver)) {
      const reason = await start(attempt, logFile);
      const uplink = reason === undefined ? findUplink(netnsFile) : undefined;
      if (uplink !== undefined) return uplink;
      reasons.add(`${driver} ${reason ?? 'ended at once'}`);
      // Less protected it would keep everybody waiting as long again.
      if (reason === isSilent) break;
    }
  }
  throw new UplinkError([...reasons].join('; '));
}

export class UplinkError extends Error {
  override readonly name = 'UplinkError';
}

/** Ends it and waits for that. */
export async function stopUplink(uplink: Uplink): Promise<void> {
  await stopHelper(uplink.helper);
}

function attempts(netnsFile: string): Attempt[] {
  const slirp = (...protections: readonly string[]): Attempt => ({
    driver: 'slirp4netns',
    args: [
      '--configure',
      '--mtu=65520',
      `--cidr=${uplinkFacts.subnet}`,
      '--disable-host-loopback',
      ...protections,
      '--ready-fd=3',
      '--netns-type=path',
      netnsFile,
      uplinkFacts.device,
    ],
    readyFd: true,
  });
  return [
    slirp('--enable-sandbox', '--enable-seccomp'),
    slirp('--enable-sandbox'),
    slirp(),
    {
      driver: 'pasta',
      args: [
        '--quiet',
        '--config-net',
        '--ipv4-only',
        '--no-map-gw',
        '--mtu=65520',
        `--address=${prefix}.100`,
        '--netmask=24',
        `--gateway=${prefix}.2`,
        `--dns-forward=${uplinkDns}`,
        '--tcp-ports=none',
        '--udp-ports=none',
        '--tcp-ns=none',
        '--udp-ns=none',
        `--ns-ifname=${uplinkFacts.device}`,
        `--netns=${netnsFile}`,
      ],
      readyFd: false,
    },
  ];
}

/**
 * Why it did not start, or undefined. It gets a session of its own and no pipe to us but the one
 * that says it is ready, so that it lives on when the daemon dies.
 */
async function start(
  { driver, args, readyFd }: Attempt,
  logFile: string,
): Promise<string | undefined> {
  const logFd = openSync(logFile, 'w', 0o600);
  const child = spawn(driver, args, {
    env: programEnvironment(),
    cwd: '/',
    detached: true,
    stdio: ['ignore', logFd, logFd, readyFd ? 'pipe' : 'ignore'],
  });
  closeSync(logFd);
  child.unref();
  const failed = once(child, 'exit').then(
    ([code]: unknown[]) => (code === 0 && !readyFd ? undefined : `failed: ${lastLine(logFile)}`),
    (error: unknown) =>
      hasErrno(error, 'ENOENT') ? 'is not installed' : `failed: ${String(error)}`,
  );
  const pipe = child.stdio[3];
  const ready =
    !readyFd || pipe === null || pipe === undefined
      ? failed
      : once(pipe, 'data').then(
          () => undefined,
          () => failed,
        );
  let timer: NodeJS.Timeout | undefined;
  const tooLong = new Promise<string>((resolve) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      resolve(isSilent);
    }, startMs);
  });
  try {
    return await Promise.race([ready, failed, tooLong]);
  } finally {
    clearTimeout(timer);
    pipe?.destroy();
  }
}

function lastLine(file: string): string {
  return readFileSync(file, 'utf8').trim().split('\n').at(-1) ?? '';
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}
