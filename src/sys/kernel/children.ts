import { reap, type WaitStatus } from './wait.ts';
import { spawnChild, type SpawnOptions } from './spawn.ts';

/** A program that runs as our own child. */
export interface Child {
  readonly pid: number;
  /** Settles when it has ended and its pid was let go. */
  readonly ended: Promise<WaitStatus>;
  /** Sends a signal, unless it has ended: its pid may be somebody else's then. */
  kill(signal: NodeJS.Signals): void;
}

const running = new Map<number, (status: WaitStatus) => void>();

/**
 * A SIGCHLD stands for any number of children, and one may have ended before we listened; looking
 * once in a while is for a signal that is lost altogether. It also keeps the process alive
 * meanwhile.
 */
const lookAgainMs = 1000;
let lookingAgain: NodeJS.Timeout | undefined;

/**
 * Starts a program with posix_spawn(3), which copies no page tables: child_process forks, and that
 * takes the longer the more memory this process has. What libuv starts is left to libuv, which
 * waits for each of its children by pid, as we do for ours. Only for the main thread, the one that
 * hears of signals. Throws as `spawnChild`.
 */
export function startChild(options: SpawnOptions): Child {
  if (!process.listeners('SIGCHLD').includes(reapEnded)) process.on('SIGCHLD', reapEnded);
  const pid = spawnChild(options);
  const ended = new Promise<WaitStatus>((resolve) => running.set(pid, resolve));
  lookingAgain ??= setInterval(reapEnded, lookAgainMs);
  return {
    pid,
    ended,
    kill: (signal) => {
      if (running.has(pid)) process.kill(pid, signal);
    },
  };
}

function reapEnded(): void {
  for (const [pid, settle] of running) {
    const status = reap(pid);
    if (status === undefined) continue;
    running.delete(pid);
    settle(status);
  }
  if (running.size === 0) {
    clearInterval(lookingAgain);
    lookingAgain = undefined;
  }
}
