import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { hostPath, type HostPath } from '../../../../src/base/brand.ts';
import { openCgroupfs } from '../../../../src/runtime/cgroup/cgroupfs.ts';
import type { CgroupDriver } from '../../../../src/runtime/cgroup/driver.ts';
import { makeRuntime } from '../../../../src/runtime/runtime.ts';
import type {
  CreatedMachine,
  ExecSession,
  ExecSpec,
  MachineSpec,
  Runtime,
} from '../../../../src/runtime/types.ts';
import { MNT_DETACH, mount, unmount } from '../../../../src/sys/kernel/mount.ts';
import { becomeSubreaper } from '../../../../src/sys/kernel/process.ts';
import { openReadiness, type Readiness } from '../../../../src/sys/kernel/readiness.ts';
import { closeFd } from '../../../../src/sys/kernel/socket.ts';
import { findEndedChild, reap, type WaitStatus } from '../../../../src/sys/kernel/wait.ts';
import { parseCgroupProcs } from '../../../../src/sys/proc/cgroup.ts';
import { readProcessStatus } from '../../../../src/sys/proc/identity.ts';

/**
 * U0 ids of the machines: guest root is U0 id 1000, so that it is nobody who owns anything else.
 */
export const slice = { start: 1000, size: 60_000 };

/** A runtime on a tmpfs of its own. This process is the subreaper, as the keeper is. */
export interface Ground extends AsyncDisposable {
  readonly dir: string;
  readonly runtime: Runtime;
  readonly readiness: Readiness;
  readonly paths: { readonly ociDir: HostPath; readonly mountDir: HostPath };
  readonly warnings: string[];
  /** A new root file system with busybox, owned by the slice. */
  makeRoot(name: string): HostPath;
  machine(name: string, change?: Partial<MachineSpec>): MachineSpec;
  /** Creates and starts; ended and deleted with the ground. */
  run(name: string, change?: Partial<MachineSpec>): Promise<CreatedMachine>;
  exec(name: string, command: readonly string[], change?: Partial<ExecSpec>): Promise<Output>;
}

export interface Output {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export async function layGround(
  options: { program?: string; cgroup?: CgroupDriver } = {},
): Promise<Ground> {
  becomeSubreaper();
  const reaper = setInterval(reapAdopted, 10);
  const dir = mkdtempSync(join(tmpdir(), 'warren-runtime-'));
  mount({ source: 'warren', target: dir, type: 'tmpfs', flags: 0, data: 'mode=755' });
  const paths = { ociDir: hostPath(`${dir}/oci`), mountDir: hostPath(`${dir}/mnt`) };
  mkdirSync(paths.mountDir);
  const readiness = openReadiness();
  const warnings: string[] = [];
  await clearCgroupRoot();
  const runtime = await makeRuntime({
    paths,
    readiness,
    program: options.program ?? 'crun',
    bus: {},
    log: {
      warn: (context, message) => {
        const { err } = context as { err?: unknown };
        warnings.push(`${message}: ${err instanceof Error ? err.message : String(err)}`);
      },
    },
    ...(options.cgroup === undefined ? {} : { cgroup: options.cgroup }),
  });
  const created: CreatedMachine[] = [];

  const makeRoot = (name: string): HostPath => {
    const root = `${dir}/mnt/roots/${name}`;
    for (const path of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'run', 'root', 'var']) {
      mkdirSync(`${root}/${path}`, { recursive: true });
    }
    mkdirSync(`${root}/tmp`);
    chmodSync(`${root}/tmp`, 0o1777);
    copyFileSync('/bin/busybox', `${root}/bin/busybox`);
    const applets = execFileSync('/bin/busybox', ['--list'], { encoding: 'utf8' });
    for (const applet of applets.split('\n')) {
      if (applet !== '' && applet !== 'busybox') symlinkSync('busybox', `${root}/bin/${applet}`);
    }
    symlinkSync('../bin/busybox', `${root}/sbin/init`);
    writeFileSync(`${root}/etc/inittab`, '::sysinit:/bin/echo up\n::ctrlaltdel:/bin/reboot\n');
    writeFileSync(`${root}/etc/passwd`, 'root:x:0:0::/root:/bin/sh\n');
    chownTree(root);
    return hostPath(root);
  };

  const machine = (name: string, change: Partial<MachineSpec> = {}): MachineSpec => {
    const extent = { inside: 0, outside: slice.start, count: slice.size };
    return {
      name,
      hostname: name,
      root: change.root ?? makeRoot(name),
      idmap: { uid: [extent], gid: [extent] },
      init: ['/sbin/init'],
      environment: {},
      uuid: '5b7a2c1e-0000-4000-8000-000000000001',
      mounts: [],
      nesting: false,
      noNewPrivileges: false,
      seccomp: { denyDefault: true, deny: [], allow: [] },
      rlimits: [],
      sysctl: {},
      limits: {},
      ...change,
    };
  };

  return {
    dir,
    runtime,
    readiness,
    paths,
    warnings,
    makeRoot,
    machine,
    run: async (name, change) => {
      const made = await runtime.create(machine(name, change), {});
      created.push(made);
      await runtime.start(name);
      return made;
    },
    exec: async (name, command, change) =>
      collect(await runtime.exec(name, execSpec(command, change))),
    [Symbol.asyncDispose]: async () => {
      for (const name of await runtime.list()) await runtime.delete(name);
      for (const { consoleFd, consoleKeepaliveFd, init } of created) {
        closeFd(consoleFd);
        closeFd(consoleKeepaliveFd);
        await ended(init.pid);
      }
      clearInterval(reaper);
      readiness[Symbol.dispose]();
      unmount(dir, MNT_DETACH);
      rmSync(dir, { recursive: true });
    },
  };
}

/**
 * The test runner's processes start in the root of the cgroup namespace, which may hold none if it
 * is to hand controllers down. In the real thing the keeper starts in a leaf.
 */
async function clearCgroupRoot(): Promise<void> {
  await openCgroupfs();
  for (const pid of parseCgroupProcs(readFileSync('/sys/fs/cgroup/cgroup.procs', 'utf8'))) {
    writeFileSync('/sys/fs/cgroup/keeper/cgroup.procs', String(pid));
  }
}

export function execSpec(command: readonly string[], change: Partial<ExecSpec> = {}): ExecSpec {
  return { command, environment: {}, cwd: '/', uid: 0, gid: 0, additionalGids: [], ...change };
}

/** Everything a session with pipes says until it ends; its stdin is closed. */
export async function collect(session: ExecSession, input = ''): Promise<Output> {
  if (session.stdio.kind !== 'pipes') throw new Error('not with pipes');
  const { stdin, stdout, stderr } = session.stdio;
  stdin.end(input);
  const [status, out, err] = await Promise.all([session.exited, text(stdout), text(stderr)]);
  return { status, stdout: out, stderr: err };
}

export async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks).toString();
}

/** Children handed to us that have ended, by pid. */
const statuses = new Map<number, WaitStatus>();

/** What lies in our own pid namespace is most often a child of Node's, and Node's to reap. */
let left = { pid: 0, looks: 0 };
/** By then the event loop has turned so often that Node has reaped what is its own. */
const looksUntilOrphan = 20;

/**
 * Reaps what the OCI runtime leaves to the subreaper: inits, and the intermediate process of every
 * exec; now and then one of a create, too, which is in our own pid namespace. Until those are
 * reaped the pid namespace they are in cannot end, and its init hangs dying.
 */
function reapAdopted(): void {
  for (;;) {
    const child = findEndedChild();
    if (child === undefined) return;
    if ((readProcessStatus(child.pid)?.namespacePids.length ?? 0) < 2) {
      left = { pid: child.pid, looks: child.pid === left.pid ? left.looks + 1 : 0 };
      if (left.looks < looksUntilOrphan) return;
    }
    reap(child.pid);
    statuses.set(child.pid, child);
  }
}

/** The wait status of a machine's init. */
export async function ended(pid: number): Promise<WaitStatus> {
  for (let i = 0; i < 400; i++) {
    const status = statuses.get(pid);
    if (status !== undefined) return status;
    await sleep(25);
  }
  throw new Error(`process ${pid} did not end`);
}

function chownTree(path: string): void {
  lchownSync(path, slice.start, slice.start);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = `${path}/${entry.name}`;
    if (entry.isDirectory()) chownTree(child);
    else lchownSync(child, slice.start, slice.start);
  }
}
