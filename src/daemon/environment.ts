import { readFileSync } from 'node:fs';
import { hostname, release, version } from 'node:os';

import { run } from '../sys/programs/run.ts';

import type { ServerEnvironment } from '../contract/api/server.ts';
import type { Certificate } from './certificate.ts';

export interface EnvironmentInput {
  readonly architecture: string;
  readonly certificate: Certificate;
  /** The OCI runtime's program. */
  readonly driver: string;
  readonly version: string;
}

/** What `GET /1.0` tells of the server and its host. */
export async function describeEnvironment(input: EnvironmentInput): Promise<ServerEnvironment> {
  const { architecture, certificate, driver } = input;
  const kernelVersion = release();
  const os = osRelease();
  return {
    addresses: [],
    architectures: [architecture],
    certificate: certificate.pem,
    certificate_fingerprint: certificate.fingerprint,
    driver,
    driver_version: await programVersion(driver),
    firewall: 'nftables',
    kernel: 'Linux',
    kernel_architecture: architecture,
    kernel_features: {},
    kernel_version: kernelVersion,
    lxc_features: {},
    os_name: os['NAME'] ?? version(),
    os_version: os['VERSION_ID'] ?? '',
    project: 'default',
    server: 'warren',
    server_clustered: false,
    server_event_mode: 'full-mesh',
    server_name: hostname(),
    server_pid: process.pid,
    server_version: input.version,
    storage: 'overlay',
    storage_version: kernelVersion,
    storage_supported_drivers: [{ Name: 'overlay', Version: kernelVersion, Remote: false }],
  };
}

/** `man 5 os-release`. */
function osRelease(): Readonly<Record<string, string>> {
  let text = '';
  try {
    text = readFileSync('/etc/os-release', 'utf8');
  } catch {
    // Not every system has one.
  }
  const pairs = text.split('\n').flatMap((line) => {
    const [, key, value] = /^([A-Z_]+)=["']?(.*?)["']?$/.exec(line) ?? [];
    return key === undefined || value === undefined ? [] : [[key, value] as const];
  });
  return Object.fromEntries(pairs);
}

/** `crun version 1.8.1` and the like; empty when the program does not say. */
async function programVersion(program: string): Promise<string> {
  try {
    const { stdout } = await run(program, ['--version'], {
      what: 'ask the OCI runtime for its version',
      timeoutMs: 5_000,
    });
    return /\d+(?:\.\d+)+/.exec(stdout)?.[0] ?? '';
  } catch {
    return '';
  }
}
