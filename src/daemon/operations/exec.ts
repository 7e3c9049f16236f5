import { Readable } from 'node:stream';

import { onceClosed, receiveStream, sendStream } from './pipes.ts';

import type { ExecSession } from '../../runtime/types.ts';
import type { OperationSockets } from './sockets.ts';

/**
 * After the command ended, output that a process it left behind holds open is waited for so long.
 */
const lingerMs = 200;

/**
 * Joins a command to its client's websockets until it has ended and its output is sent. Returns the
 * exit status. When `signal` aborts, the command is killed.
 */
export async function runExec(
  session: ExecSession,
  sockets: OperationSockets,
  signal: AbortSignal,
): Promise<number> {
  const onAbort = (): void => {
    session.kill();
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const outputs = join(session, sockets);
    const status = await session.exited;
    await settled(outputs, lingerMs);
    return status;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** The same session, deaf once its command has ended: its pid may be another's by then. */
export function untilExit(session: ExecSession): ExecSession {
  let running = true;
  const exited = session.exited.finally(() => {
    running = false;
  });
  return {
    stdio: session.stdio,
    exited,
    resize: (width, height) => {
      if (running) session.resize(width, height);
    },
    signal: (signal) => {
      if (running) session.signal(signal);
    },
    kill: () => {
      if (running) session.kill();
    },
  };
}

interface Output {
  readonly source: NodeJS.ReadableStream;
  readonly sent: Promise<void>;
}

function join(session: ExecSession, sockets: OperationSockets): Output[] {
  const { stdio } = session;
  const input = sockets.get('0');
  if (stdio.kind === 'pty') {
    // Losing the terminal's socket is a hang-up; an end marker on it means nothing to a terminal.
    if (input !== undefined) {
      receiveStream(input, stdio.stream, () => undefined);
      onceClosed(input, () => {
        session.kill();
      });
    }
    return [{ source: stdio.stream, sent: sendStream(stdio.stream, input) }];
  }
  if (input !== undefined) {
    receiveStream(input, stdio.stdin, () => {
      stdio.stdin.end();
    });
  }
  // Who closes them properly may still wait for the exit status, and may have no control socket.
  sockets.onLost(['1', '2'], () => {
    session.kill();
  });
  // Nobody reads an output any more: the command is told by SIGPIPE when it next writes there.
  const outputs = new Map([
    ['1', stdio.stdout],
    ['2', stdio.stderr],
  ]);
  sockets.onClosed((name) => {
    const source = outputs.get(name);
    if (source instanceof Readable) source.destroy();
  });
  const giveBack = (chunk: Buffer): void => {
    stdio.giveBack(chunk);
  };
  return [
    { source: stdio.stdout, sent: sendStream(stdio.stdout, resumed(sockets, '1'), giveBack) },
    { source: stdio.stderr, sent: sendStream(stdio.stderr, resumed(sockets, '2')) },
  ];
}

/** A socket nobody writes to still has to be read, or its close is never seen. */
function resumed(sockets: OperationSockets, name: string): ReturnType<OperationSockets['get']> {
  const socket = sockets.get(name);
  socket?.resume();
  return socket;
}

/**
 * Waits for the outputs to end. A background process may hold them open for ever, so when the
 * command itself has ended, silence for `quietMs` is the end too; a client that is only slow is
 * waited for.
 */
export async function settled(outputs: readonly Output[], quietMs: number): Promise<void> {
  await Promise.all(
    outputs.map(async ({ source, sent }) => {
      let timer: NodeJS.Timeout | undefined;
      const silence = new Promise<void>((resolve) => {
        const arm = (): void => {
          clearTimeout(timer);
          timer = setTimeout(() => {
            if (source.isPaused()) arm();
            else resolve();
          }, quietMs);
        };
        source.on('data', arm);
        arm();
      });
      await Promise.race([sent, silence]);
      clearTimeout(timer);
      if (source instanceof Readable) source.destroy();
      await sent;
    }),
  );
}
