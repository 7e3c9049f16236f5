import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect } from 'vitest';

import { eventually } from '../helpers/warren.ts';

/** Neither lines of the console nor wiped pages are worth their emulated seconds. */
const kernelArguments =
  'root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off init_on_alloc=0 quiet loglevel=4';

export interface EmulatorInput {
  /** Directory with `kernel` and `initrd`, as base.sh makes them. */
  readonly base: string;
  /** Its disk, raw. */
  readonly disk: string;
  /** Whether what the host writes stays on the disk, or goes with the emulator. */
  readonly keepsWrites: boolean;
  /** A file that the host finds as its second disk, read-only. */
  readonly secondDisk: string;
  /** For sockets, the console's log and what the host writes to its disk. Must be there. */
  readonly directory: string;
  /** A file of `saveState`: the host goes on from there, and is not booted. */
  readonly state?: string;
  /** More words for its kernel, from its next boot on. */
  readonly bootWords?: string | undefined;
  /** Kills it after this time, whatever it does. */
  readonly limitMs: number;
}

/** A whole computer as one ordinary process. Disposing ends it. */
export interface Emulator extends AsyncDisposable {
  /** On 127.0.0.1; leads to the host's port 22. */
  readonly sshPort: number;
  /** Runs a command of the human monitor, such as `system_reset`, and answers what it prints. */
  monitor(command: string): Promise<string>;
  /** Halts it for good and writes what is in its memory and devices to a file. */
  saveState(file: string): Promise<void>;
  /** What the host's kernel and init last wrote to the console. */
  consoleTail(): string;
}

/** Starts it and returns when its monitor answers, long before the host has booted. */
export async function startEmulator(input: EmulatorInput): Promise<Emulator> {
  const { base, disk, keepsWrites, secondDisk, directory, state, bootWords = '', limitMs } = input;
  const socket = join(directory, 'monitor');
  const consoleLog = join(directory, 'console');
  const snapshot = keepsWrites ? 'off' : 'on';
  const child = spawn(
    // It must not outlive this process, whichever way that ends.
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', '-nodefaults', '-no-user-config'],
      ...['-accel', 'tcg,thread=multi,tb-size=512', '-smp', '2', '-cpu', 'max', '-m', '2048'],
      ...['-display', 'none', '-serial', `file:${consoleLog}`],
      ...['-qmp', `unix:${socket},server=on,wait=off`],
      ...['-kernel', join(base, 'kernel'), '-initrd', join(base, 'initrd')],
      ...['-append', `${kernelArguments} ${bootWords}`],
      ...['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe,snapshot=${snapshot}`],
      ...['-drive', `file=${secondDisk},format=raw,if=virtio,readonly=on`],
      ...['-nic', 'user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'],
      ...(state === undefined ? [] : ['-incoming', `exec:cat ${state}`]),
    ],
    {
      env: { PATH: process.env['PATH'] ?? '', TMPDIR: directory },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const stop = async (): Promise<void> => {
    clearTimeout(limit);
    child.kill('SIGKILL');
    await ended;
  };
  const monitor = (command: string): Promise<string> => monitorCommand(socket, command);
  try {
    await once(child, 'spawn');
    let sshPort = 0;
    await eventually(async () => {
      sshPort = findPort(await monitor('info usernet'));
    }, 60_000);
    if (state !== undefined) {
      // It was halted when it was saved.
      await eventually(async () => {
        expect(await monitor('info status')).toContain('paused\r');
      }, 120_000);
      await monitor('cont');
    }
    return {
      sshPort,
      monitor,
      async saveState(file) {
        await monitor('stop');
        await monitor('migrate_set_parameter max-bandwidth 4G');
        await monitor(`migrate -d "exec:cat >${file}"`);
        await eventually(async () => {
          expect(await monitor('info migrate')).toContain('status: completed');
        }, 120_000);
      },
      consoleTail: () => readFileSync(consoleLog, 'utf8').slice(-4000),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * The port of this host in the line `TCP[HOST_FORWARD] fd address port guest-address guest-port`.
 */
function findPort(usernet: string): number {
  const port = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(usernet)?.[1];
  if (port === undefined) throw new Error(`no forwarded port in: ${usernet}`);
  return Number(port);
}

async function monitorCommand(path: string, command: string): Promise<string> {
  const socket = createConnection(path);
  socket.setTimeout(120_000, () => socket.destroy(new Error(`the monitor is silent: ${command}`)));
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    for (;;) {
      const line: IteratorResult<string, unknown> = await lines.next();
      if (line.done === true) throw new Error('the monitor hung up');
      const message = JSON.parse(line.value) as {
        return?: unknown;
        error?: unknown;
        QMP?: unknown;
      };
      if (message.error !== undefined) throw new Error(line.value);
      if (message.QMP !== undefined || message.return !== undefined) return message.return;
    }
  };
  try {
    await once(socket, 'connect');
    await answer();
    socket.write('{"execute":"qmp_capabilities"}\n');
    await answer();
    const message = { execute: 'human-monitor-command', arguments: { 'command-line': command } };
    socket.write(`${JSON.stringify(message)}\n`);
    return String(await answer());
  } finally {
    socket.destroy();
  }
}
