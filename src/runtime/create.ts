import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { Revert } from '../base/revert.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import { isWarrenError, WarrenError } from '../contract/errors.ts';
import { setCpuAffinity } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { openPtyPeer } from '../sys/kernel/tty.ts';
import { processIdentity } from '../sys/proc/identity.ts';
import type { CgroupDriver } from './cgroup/driver.ts';
import { writeLimits } from './cgroup/limits.ts';
import { delegate } from './cgroup/tree.ts';
import { listenForConsole, noConsole } from './console.ts';
import type { OciProgram } from './crun.ts';
import { plugBinds } from './graft.ts';
import { rootOf, type Owner } from './machine-facts.ts';
import { buildSpec, formatSpec } from './oci/spec.ts';
import type { OciSpec } from './oci/types.ts';
import type { Places } from './places.ts';
import { sysctlRefusal } from './sysctl-refusal.ts';
import type { BindMount, CreatedMachine, MachineSpec } from './types.ts';

/** `crun create` makes namespaces and mounts and takes 10 ms; this is for a host that swaps. */
const createTimeoutMs = 60_000;

export interface CreateContext {
  readonly oci: OciProgram;
  readonly cgroup: CgroupDriver;
  readonly places: Places;
  /** What of the host's shows a machine its own limits. */
  readonly views: readonly BindMount[];
  /** Removes everything of the machine, also what is half made. */
  readonly remove: () => Promise<void>;
  readonly onCleanupFailure: (what: string, error: unknown) => void;
}

/**
 * Makes a machine up to the point where init waits to be started. Whatever fails, nothing is left:
 * no process, mount, cgroup, directory or descriptor. Dies the daemon in here, the machine is among
 * `list()` and `delete` removes it.
 */
export async function createMachine(
  context: CreateContext,
  machine: MachineSpec,
  signal: AbortSignal | undefined,
): Promise<{ readonly created: CreatedMachine; readonly document: OciSpec }> {
  const { oci, cgroup, places, views, remove, onCleanupFailure } = context;
  const { name } = machine;
  const stopIfCancelled = (): void => {
    if (signal?.aborted === true) throw new WarrenError('cancelled', { what: `start ${name}` });
  };
  stopIfCancelled();
  await using undo = new Revert(onCleanupFailure);
  undo.push(`remove what was made of ${name}`, remove);
  prepareDirectories(places);
  const document = buildSpec(machine, {
    hostDir: places.hostDir,
    cgroupsPath: cgroup.cgroupsPath(name),
    views,
    annotations: cgroup.annotations ?? {},
  });
  writeFileSync(`${places.bundleDir}/config.json`, formatSpec(document), { mode: 0o600 });
  using socket = listenForConsole(places.consolesDir);
  const pidFile = `${places.bundleDir}/init.pid`;
  const { bundleDir } = places;
  const options = ['--bundle', bundleDir, '--console-socket', socket.path, '--pid-file', pidFile];
  await oci
    .run(`create ${name}`, ['create', ...options, name], createTimeoutMs)
    .catch((error: unknown) => {
      if (!isWarrenError(error, 'program_failed')) throw error;
      throw sysctlRefusal(name, machine.sysctl, error.details.output) ?? error;
    });
  // The runtime has sent it before it ended: nothing to wait for.
  const consoleFd = socket.take();
  if (consoleFd === undefined) throw noConsole('sent no console');
  undo.push('close the console', () => {
    closeFd(consoleFd);
  });
  const consoleKeepaliveFd = openPtyPeer(consoleFd);
  undo.push('close the slave of the console', () => {
    closeFd(consoleKeepaliveFd);
  });
  const init = readInit(pidFile, name);
  const owner = rootOf(document.linux);
  // Init is not executed yet: it inherits them.
  if (machine.cpus !== undefined) setCpuAffinity(init.pid, machine.cpus);
  await confine(cgroup, machine, owner);
  await plugBinds({ name, init, bindsDir: places.bindsDir, owner }, machine.mounts);
  stopIfCancelled();
  undo.keep();
  return { created: { init, consoleFd, consoleKeepaliveFd }, document };
}

/** Limits stand before init runs, and the cgroup's owner is the machine's root. */
async function confine(
  cgroup: CgroupDriver,
  { name, limits }: MachineSpec,
  owner: Owner,
): Promise<void> {
  const directory = cgroup.findDirectory(name);
  if (directory === undefined) {
    if (cgroup.report.driver === 'none') return;
    throw new Error(`the OCI runtime made no cgroup for ${name}`);
  }
  delegate(directory, owner);
  await cgroup.announce?.(name, limits);
  writeLimits(name, directory, limits);
}

/**
 * The directories' modes do not depend on our umask: a guest must get into one and not the other.
 */
function prepareDirectories({ hostDir, bundleDir }: Places): void {
  rmSync(bundleDir, { recursive: true, force: true });
  mkdirSync(bundleDir, { recursive: true });
  chmodSync(bundleDir, 0o700);
  ensureHostDir(hostDir);
  // systemd reads what contains it from here, and boot_id is bound over the host's.
  writeReadable(`${hostDir}/container-manager`, 'lxc\n');
  writeReadable(`${hostDir}/boot_id`, `${randomUUID()}\n`);
}

/** The directory that becomes /run/host. It may hold the notify socket already. */
export function ensureHostDir(hostDir: string): void {
  mkdirSync(hostDir, { recursive: true });
  chmodSync(hostDir, 0o755);
}

function writeReadable(path: string, text: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { flag: 'wx' });
  chmodSync(path, 0o444);
}

function readInit(pidFile: string, name: string): ProcessIdentity {
  const init = processIdentity(Number(readFileSync(pidFile, 'utf8')));
  if (init !== undefined) return init;
  const outcome = 'ended before it was started';
  const details = { what: `create ${name}`, program: 'init', outcome, output: '' };
  throw new WarrenError('program_failed', details);
}
