import type { ProcessIdentity } from '../base/process-identity.ts';
import type { Readiness } from '../sys/kernel/readiness.ts';
import { hasEnded, pidfdOpen, pidfdSendSignal } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { isSameProcess, readProcessStatus } from '../sys/proc/identity.ts';
import { blocksSignal, SIGRTMIN } from '../sys/proc/status.ts';
import { hasErrno } from '../sys/sys-error.ts';

const SIGKILL = 9;
const SIGPWR = 30;

/**
 * A pidfd of this very process, or undefined when it has gone. Opened first and compared then: a
 * pid that was recycled in between belongs to a younger process, which has another start time. The
 * caller closes it.
 */
export function openIdentity(identity: ProcessIdentity): number | undefined {
  let pidfd: number;
  try {
    pidfd = pidfdOpen(identity.pid);
  } catch (error) {
    if (hasErrno(error, 'ESRCH', 'EINVAL')) return undefined;
    throw error;
  }
  if (isSameProcess(identity)) return pidfd;
  closeFd(pidfd);
  return undefined;
}

/** Whether it runs; a zombie does not. */
export function isAlive(identity: ProcessIdentity): boolean {
  const pidfd = openIdentity(identity);
  if (pidfd === undefined) return false;
  try {
    return !hasEnded(pidfd);
  } finally {
    closeFd(pidfd);
  }
}

/** Sends a signal, unless that very process has ended; answers whether it was sent. */
export function sendSignal(identity: ProcessIdentity, signal: number): boolean {
  const pidfd = openIdentity(identity);
  if (pidfd === undefined) return false;
  try {
    pidfdSendSignal(pidfd, signal);
    return true;
  } catch (error) {
    if (hasErrno(error, 'ESRCH')) return false;
    throw error;
  } finally {
    closeFd(pidfd);
  }
}

/** SIGKILL, unless that very process has ended. */
export function kill(identity: ProcessIdentity): void {
  sendSignal(identity, SIGKILL);
}

/**
 * Calls back once, never from within this call, when the process has ended; also when it had
 * before.
 */
export function watchExit(
  readiness: Readiness,
  identity: ProcessIdentity,
  onExit: () => void,
): Disposable {
  let done = false;
  let stop = (): void => undefined;
  const dispose = (): void => {
    if (done) return;
    done = true;
    stop();
  };
  const end = (): void => {
    if (done) return;
    dispose();
    onExit();
  };
  const pidfd = openIdentity(identity);
  if (pidfd === undefined) {
    setImmediate(end);
    return { [Symbol.dispose]: dispose };
  }
  const watch = readiness.watchReadable(pidfd, end);
  stop = () => {
    watch[Symbol.dispose]();
    closeFd(pidfd);
  };
  return { [Symbol.dispose]: dispose };
}

/**
 * SIGRTMIN+3 halts an init that blocks it, as systemd does to read it from a signalfd; every other
 * init halts on SIGPWR, as LXC has it. openrc-init blocks whatever it does not handle, so SIGPWR
 * must be blocked as well. Never SIGTERM: busybox's init reboots on it.
 */
export function requestShutdown(init: ProcessIdentity): void {
  const status = readProcessStatus(init.pid);
  if (status === undefined) return;
  const readsSignals = [SIGRTMIN + 3, SIGPWR].every((signal) => blocksSignal(status, signal));
  sendSignal(init, readsSignals ? SIGRTMIN + 3 : SIGPWR);
}
