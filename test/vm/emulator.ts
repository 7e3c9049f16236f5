import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { eventually } from '../helpers/warren.ts';

export interface EmulatorInput {
  /** `disk`, `kernel` and `initrd`, as base.sh makes them. The disk is not written to. */
  readonly base: string;
  /** A file that the host finds as its second disk, read-only. */
  readonly secondDisk: string;
  /** For sockets, the console's log and what the host writes to its disk. */
  readonly directory: string;
  /** Kills it after this time, whatever it does. */
  readonly limitMs: number;
}

/** A whole computer as one ordinary process. Disposing ends it. */
export interface Emulator extends AsyncDisposable {
  /** On 127.0.0.1; leads to the host's port 22. */
  readonly sshPort: number;
  readonly monitor: string;
  /** Ends as soon as the process does. */
  readonly ended: Promise<unknown>;
  /** What the host's kernel and init last wrote to the console. */
  consoleTail(): string;
}

/** Starts it and returns when its monitor answers, long before the host has booted. */
export async function startEmulator(input: EmulatorInput): Promise<Emulator> {
  const { base, secondDisk, directory, limitMs } = input;
  const monitor = join(directory, 'monitor');
  const consoleLog = join(directory, 'console');
  const kernelArguments = 'root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off';
  const child = spawn(
    // It must not outlive this process, whichever way that ends.
    'setpriv',
    [
      ...['--pdeathsig', 'KILL', '--', 'qemu-system-x86_64', '-nodefaults', '-no-user-config'],
      ...['-accel', 'tcg,thread=multi,tb-size=512', '-smp', '2', '-cpu', 'max', '-m', '2048'],
      ...['-display', 'none', '-serial', `file:${consoleLog}`],
      ...['-qmp', `unix:${monitor},server=on,wait=off`],
      ...['-kernel', join(base, 'kernel'), '-initrd', join(base, 'initrd')],
      ...['-append', kernelArguments],
      ...['-drive', `file=${join(base, 'disk')},format=raw,if=virtio,snapshot=on`],
      ...['-drive', `file=${secondDisk},format=raw,if=virtio,readonly=on`],
      ...['-nic', 'user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:0-:22'],
    ],
    { env: { PATH: process.env['PATH'] ?? '', TMPDIR: directory }, stdio: 'ignore' },
  );
  const ended = once(child, 'exit');
  const limit = setTimeout(() => child.kill('SIGKILL'), limitMs);
  const stop = async (): Promise<void> => {
    clearTimeout(limit);
    child.kill('SIGKILL');
    await ended;
  };
  try {
    await once(child, 'spawn');
    let sshPort = 0;
    await eventually(async () => {
      sshPort = findPort(await monitorCommand(monitor, 'info usernet'));
    });
    return {
      sshPort,
      monitor,
      ended,
      consoleTail: () => readFileSync(consoleLog, 'utf8').slice(-4000),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The port of this host in the line `TCP[HOST_FORWARD] fd address port guest-address guest-port`. */
function findPort(usernet: string): number {
  const port = /TCP\[HOST_FORWARD\]\s+\d+\s+127\.0\.0\.1\s+(\d+)/.exec(usernet)?.[1];
  if (port === undefined) throw new Error(`no forwarded port in: ${usernet}`);
  return Number(port);
}

/** Runs a command of the human monitor, such as `system_reset`, and answers what it prints. */
export async function monitorCommand(monitor: string, command: string): Promise<string> {
  const socket = createConnection(monitor);
  socket.setTimeout(20_000, () => socket.destroy(new Error(`the monitor is silent: ${command}`)));
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
