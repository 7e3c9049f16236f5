import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';

import type { ProcessIdentity } from '../base/process-identity.ts';
import { WarrenError } from '../contract/errors.ts';
import { O_PATH } from '../sys/kernel/fs.ts';
import { openMountThread, type MountPlace } from '../sys/kernel/mntns.ts';
import { openProcEntry, pidfdOpen } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { programEnvironment } from '../sys/programs/environment.ts';
import { hasErrno, SysError } from '../sys/sys-error.ts';
import { stageBinds, unstageBinds } from './binds.ts';
import type { Owner } from './machine-facts.ts';
import { openIdentity } from './processes.ts';
import type { BindMount } from './types.ts';

export interface LiveMachine {
  readonly name: string;
  readonly init: ProcessIdentity;
  readonly bindsDir: string;
  /** The machine's root. */
  readonly owner: Owner;
}

/**
 * Mounts sources in a machine, in order, whether its init runs already or waits for its start.
 * Their flags must be firm: so they are not cloned from our own mount namespace but from a copy of
 * it that belongs to the machine's user namespace, where the kernel locks them
 * (mount_namespaces(7)). The OCI runtime cannot be asked: what it binds read-only, a machine's root
 * remounts writable. A daemon that dies in here leaves some mounted, and staged ones that
 * `unstageBinds` removes.
 */
export async function plugBinds(machine: LiveMachine, binds: readonly BindMount[]): Promise<void> {
  if (binds.length === 0) return;
  unstageBinds(machine.bindsDir);
  try {
    const staged = stageBinds(machine.bindsDir, binds);
    await withPlace(machine, 'mount in', async (to) => {
      using thread = openMountThread();
      await using copy = await copyNamespace(machine.init.pid);
      const fromNsFd = openProcEntry(copy.pid, copy.pidfd, 'ns/mnt', constants.O_RDONLY);
      try {
        for (const [index, { target, recursive, kind }] of binds.entries()) {
          const source = staged[index] ?? '';
          const { owner } = machine;
          await thread
            .graft({ fromNsFd, source, recursive, to, target, kind, owner })
            .catch((error: unknown) => {
              throw explain(machine.name, target, error);
            });
        }
      } finally {
        closeFd(fromNsFd);
      }
    });
  } finally {
    unstageBinds(machine.bindsDir);
  }
}

/**
 * Takes away the mounts at `targets`, in order, where there are any. What the machine has open
 * below one, or has mounted elsewhere itself, stays until it lets go.
 */
export async function unplugBinds(machine: LiveMachine, targets: readonly string[]): Promise<void> {
  if (targets.length === 0) return;
  using thread = openMountThread();
  await withPlace(machine, 'unmount in', async (from) => {
    for (const target of targets) {
      await thread.detach(from, target).catch((error: unknown) => {
        throw explain(machine.name, target, error);
      });
    }
  });
}

async function withPlace<T>(
  { name, init }: LiveMachine,
  action: string,
  use: (place: MountPlace) => Promise<T>,
): Promise<T> {
  const { pid } = init;
  const details = { name, action, state: 'stopped', wanted: 'running' };
  const stopped = new WarrenError('wrong_state', details);
  const fds: number[] = [];
  const open = (fd: number): number => {
    fds.push(fd);
    return fd;
  };
  try {
    const pidfd = openIdentity(init);
    if (pidfd === undefined) throw stopped;
    fds.push(pidfd);
    const mntnsFd = open(openProcEntry(pid, pidfd, 'ns/mnt', constants.O_RDONLY));
    const rootFd = open(openProcEntry(pid, pidfd, 'root', O_PATH | constants.O_DIRECTORY));
    return await use({ mntnsFd, rootFd });
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
    throw stopped;
  } finally {
    for (const fd of fds) closeFd(fd);
  }
}

interface NamespaceCopy extends AsyncDisposable {
  readonly pid: number;
  readonly pidfd: number;
}

/**
 * A copy of our mount namespace for the user namespace of `initPid`, held by a process that does
 * nothing and ends with us.
 */
async function copyNamespace(initPid: number): Promise<NamespaceCopy> {
  const child = spawn(
    'nsenter',
    [
      ...[`--user=/proc/${initPid}/ns/user`, '--setuid=0', '--setgid=0', '--'],
      ...['unshare', '--mount', '--propagation', 'unchanged', '--', 'cat'],
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], cwd: '/', env: programEnvironment() },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      resolve();
    });
  });
  const end = async (): Promise<void> => {
    child.stdin.destroy();
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await answer(child, ended);
    const pid = child.pid ?? 0;
    const pidfd = pidfdOpen(pid);
    return {
      pid,
      pidfd,
      [Symbol.asyncDispose]: async () => {
        closeFd(pidfd);
        await end();
      },
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Returns once the last program of the chain runs: it sends back what it is sent. */
async function answer(child: ChildProcess, ended: Promise<void>): Promise<void> {
  let output = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stdin?.on('error', () => undefined);
  await once(child, 'spawn');
  child.stdin?.write('\n');
  const answered = child.stdout === null ? undefined : once(child.stdout, 'data');
  const failed = ended.then(() => {
    const what = 'copy the mount namespace';
    throw new WarrenError('program_failed', {
      what,
      program: 'nsenter',
      outcome: `exited with ${child.exitCode ?? child.signalCode ?? 'nothing'}`,
      output: output.trim(),
    });
  });
  await Promise.race([answered, failed]);
  failed.catch(() => undefined);
}

function explain(name: string, target: string, error: unknown): unknown {
  if (!(error instanceof SysError)) return error;
  // Of a directory and a file, move_mount takes neither for the other.
  const isOtherKind = error.syscall === 'move_mount' && hasErrno(error, 'EINVAL', 'ENOTDIR');
  const found = isOtherKind
    ? 'what is there is not of the same kind, a directory or a file, as the source'
    : `the path cannot be taken there (${error.syscall}: ${error.code})`;
  const what = `mount at ${target} in ${name}`;
  return new WarrenError('hostile', { what, found }, { cause: error });
}
