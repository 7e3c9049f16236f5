import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { ReadStream } from 'node:tty';

import type { ProcessIdentity } from '../../src/base/process-identity.ts';
import { setWindowSize } from '../../src/sys/kernel/tty.ts';
import { openPty } from './pty.ts';

import type { ChildProcess } from 'node:child_process';
import type { ExecSession, ExecSpec, Runtime } from '../../src/runtime/types.ts';

interface Machine {
  readonly init: ProcessIdentity;
  readonly consoleFd: number;
  state: 'created' | 'running' | 'frozen' | 'ended';
  readonly watchers: Set<() => void>;
}

export interface FakeRuntime extends Runtime {
  /** The machine's init ends by itself. */
  halt(name: string): void;
  /** Init writes to /dev/console. */
  say(name: string, text: string): void;
  readonly machines: ReadonlyMap<string, Machine>;
}

/**
 * Machines without a kernel's help: an init is a number, its console a real pty. Commands run as
 * processes of the host, as the user who runs the test.
 */
export function fakeRuntime(
  bootId: string,
  onExit: (init: ProcessIdentity, signal: number) => void,
): FakeRuntime {
  const machines = new Map<string, Machine>();
  let lastPid = 4_000_000;
  const find = (init: ProcessIdentity): Machine | undefined =>
    [...machines.values()].find((machine) => machine.init.pid === init.pid);
  const get = (name: string): Machine => {
    const machine = machines.get(name);
    if (machine === undefined) throw new Error(`there is no ${name}`);
    return machine;
  };
  /** `signal`: 2 halted, 9 killed, as the parent of an init sees it (man 2 reboot). */
  const end = (machine: Machine | undefined, signal: number): void => {
    if (machine === undefined || machine.state === 'ended') return;
    machine.state = 'ended';
    closeSync(machine.consoleFd);
    onExit(machine.init, signal);
    for (const watcher of machine.watchers) setImmediate(watcher);
    machine.watchers.clear();
  };
  const running = new Set<ChildProcess>();
  return {
    machines,
    cgroup: { driver: 'cgroupfs', controllers: ['cpu', 'memory', 'pids'], why: '' },
    cpus: [0, 1],
    checkLimits: () => undefined,
    create: ({ name }) => {
      const { masterFd, slaveFd } = openPty();
      const keepalive = openPty();
      closeSync(keepalive.masterFd);
      const init = { pid: ++lastPid, startTime: lastPid, bootId };
      machines.set(name, { init, consoleFd: slaveFd, state: 'created', watchers: new Set() });
      return Promise.resolve({
        init,
        consoleFd: masterFd,
        consoleKeepaliveFd: keepalive.slaveFd,
      });
    },
    start: (name) => {
      get(name).state = 'running';
      return Promise.resolve();
    },
    attachMount: () => Promise.resolve(),
    detachMount: () => Promise.resolve(),
    exec: (_name, spec) =>
      Promise.resolve(spec.terminal === undefined ? execPipes(spec, running) : execPty(spec)),
    // Its machines have no mount namespace: their files are reached on this side.
    findRoot: () => undefined,
    isAlive: (init) => {
      const state = find(init)?.state;
      return state !== undefined && state !== 'ended';
    },
    watchExit: (init, onEnd) => {
      const machine = find(init);
      if (machine === undefined || machine.state === 'ended') setImmediate(onEnd);
      else machine.watchers.add(onEnd);
      return {
        [Symbol.dispose]: () => {
          machine?.watchers.delete(onEnd);
        },
      };
    },
    listenNotify: (name, onReady) => {
      const timer = setTimeout(() => {
        if (machines.get(name)?.state === 'running') onReady();
      }, 20);
      return Promise.resolve({
        [Symbol.dispose]: () => {
          clearTimeout(timer);
        },
      });
    },
    requestShutdown: (init) => {
      setTimeout(() => {
        end(find(init), 2);
      }, 10);
    },
    killAll: (name) => {
      end(machines.get(name), 9);
      return Promise.resolve();
    },
    freeze: (name) => {
      get(name).state = 'frozen';
      return Promise.resolve();
    },
    thaw: (name) => {
      get(name).state = 'running';
      return Promise.resolve();
    },
    applyLimits: () => Promise.resolve(),
    heldLimits: () => ({}),
    showCpus: () => undefined,
    hasOldViews: () => Promise.resolve(false),
    renewViews: () => Promise.resolve(),
    accounts: (name) =>
      machines.get(name)?.state === 'running'
        ? {
            cpu: { user_usec: 2000, system_usec: 500 },
            memory: undefined,
            memoryEvents: {},
            io: {},
          }
        : undefined,
    usage: (name) =>
      Promise.resolve(
        machines.get(name)?.state === 'running'
          ? {
              cpuUsageNs: 1_000_000,
              memoryBytes: 4096,
              memoryPeakBytes: 8192,
              memoryMaxBytes: undefined,
              swapBytes: 0,
              processes: 1 + running.size,
              processesMax: undefined,
            }
          : undefined,
      ),
    delete: (name) => {
      end(machines.get(name), 9);
      machines.delete(name);
      return Promise.resolve();
    },
    list: () => Promise.resolve([...machines.keys()]),
    halt: (name) => {
      end(get(name), 2);
    },
    say: (name, text) => {
      writeSync(get(name).consoleFd, text);
    },
  };
}

function execPipes(spec: ExecSpec, running: Set<ChildProcess>): ExecSession {
  const [program = '', ...args] = spec.command;
  const child = spawn(program, args, {
    env: { PATH: process.env['PATH'], ...spec.environment },
    cwd: '/',
    detached: true,
  });
  running.add(child);
  return {
    stdio: {
      kind: 'pipes',
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      giveBack: () => undefined,
    },
    exited: statusOf(child).finally(() => running.delete(child)),
    resize: () => undefined,
    signal: (signal) => child.kill(signal),
    kill: () => {
      killGroup(child);
    },
  };
}

function execPty(spec: ExecSpec): ExecSession {
  const { masterFd, slaveFd } = openPty();
  setWindowSize(masterFd, spec.terminal ?? { width: 80, height: 24 });
  const child = spawn('setsid', ['--ctty', ...spec.command], {
    env: { PATH: process.env['PATH'], ...spec.environment },
    cwd: '/',
    stdio: [slaveFd, slaveFd, slaveFd],
  });
  closeSync(slaveFd);
  // A tty stream reads and writes, whatever its type says.
  const stream = new ReadStream(masterFd) as unknown as NodeJS.ReadWriteStream;
  return {
    stdio: { kind: 'pty', stream },
    exited: statusOf(child),
    resize: (width, height) => {
      setWindowSize(masterFd, { width, height });
    },
    signal: (signal) => child.kill(signal),
    kill: () => child.kill('SIGKILL'),
  };
}

function killGroup(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

function statusOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('error', () => {
      resolve(127);
    });
    child.once('exit', (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
