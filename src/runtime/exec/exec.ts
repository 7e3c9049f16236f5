import { randomBytes } from 'node:crypto';
import { PassThrough, type Duplex } from 'node:stream';

import { listenForConsole, type ConsoleSocket } from '../console.ts';
import type { Readiness } from '../../sys/kernel/readiness.ts';
import { closeFd } from '../../sys/kernel/socket.ts';
import { setWindowSize } from '../../sys/kernel/tty.ts';
import type { OciProcess } from '../oci/types.ts';
import type { ExecSession } from '../types.ts';
import { pipeName } from './inside.ts';
import { runExec, type RunningExec, type RuntimeExec } from './session.ts';
import { endWhenDrained, openPipes, openTerminal, type Terminal } from './stdio.ts';

/** How long the rest of a killed command's output waits for a reader. */
const unreadMs = 1000;

export interface ExecContext extends Omit<RuntimeExec, 'base'> {
  readonly bundleDir: string;
  readonly consolesDir: string;
  readonly readiness: Readiness;
}

/** With three pipes owned by `owner`, the U0 ids of the user that the command runs as. */
export function execWithPipes(
  context: ExecContext,
  document: OciProcess,
  owner: { uid: number; gid: number },
): ExecSession {
  const pipes = openPipes(owner);
  const names = new Set(pipes.fds.map(pipeName));
  let running: RunningExec;
  try {
    running = runExec({ ...context, base: newBase(context) }, document, pipes.childFds, undefined);
  } catch (error) {
    for (const stream of [pipes.stdin, pipes.stdout, pipes.stderr]) stream.destroy();
    throw error;
  } finally {
    pipes.closeChildEnds();
  }
  void running.exited.then(() => {
    pipes.stderr.complaint.settle(running.explanation());
    pipes.finish();
  });
  return {
    stdio: {
      kind: 'pipes',
      stdin: pipes.stdin,
      stdout: pipes.stdout,
      stderr: pipes.stderr,
      giveBack: (chunk) => {
        pipes.buffers.giveBack(chunk);
      },
    },
    exited: running.exited,
    resize: () => undefined,
    signal: running.signal,
    kill: () => {
      running.kill(names);
      destroyAfter(running.exited, [pipes.stdin, pipes.stdout, pipes.stderr]);
    },
  };
}

/**
 * With a pty of the machine's own devpts: always a new one, and a new session, so that nothing the
 * command does reaches a terminal of ours. A slave stays open on our side, or output still unread
 * when the last process ends could be lost behind EIO.
 */
export async function execWithPty(
  context: ExecContext,
  document: OciProcess,
  size: { readonly width: number; readonly height: number },
): Promise<ExecSession> {
  const base = newBase(context);
  using socket = listenForConsole(context.consolesDir);
  const running = runExec({ ...context, base }, document, 'ignore', socket.path);
  let terminal: Terminal | undefined;
  try {
    const masterFd = await awaitMaster(socket, context.readiness, running);
    terminal = masterFd === undefined ? undefined : openTerminal(masterFd, size);
  } catch (error) {
    running.kill(new Set());
    throw error;
  }
  if (terminal === undefined) return failedSession(running);
  const { stream, masterFd, peerFd } = terminal;
  stream.on('error', () => stream.destroy());
  void running.exited.then(() => {
    if (!stream.destroyed) stream.complaint.settle(forTerminal(running.explanation()));
    endWhenDrained(stream, masterFd);
  });
  stream.once('end', () => stream.destroy());
  stream.once('close', () => {
    closeFd(peerFd);
  });
  return {
    stdio: { kind: 'pty', stream },
    exited: running.exited,
    resize: (width, height) => {
      if (!stream.destroyed) setWindowSize(masterFd, { width, height });
    },
    signal: running.signal,
    kill: () => {
      running.kill(new Set());
      destroyAfter(running.exited, [stream]);
    },
  };
}

/** The master, or undefined when the OCI runtime ended without sending one. */
async function awaitMaster(
  socket: ConsoleSocket,
  readiness: Readiness,
  running: RunningExec,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    let watch: Disposable | undefined;
    const settle = (finish: () => void): void => {
      watch?.[Symbol.dispose]();
      watch = undefined;
      finish();
    };
    const attempt = (): void => {
      try {
        const before = socket.waitFd();
        const master = socket.take();
        if (master !== undefined) {
          settle(() => {
            resolve(master);
          });
        } else if (watch === undefined || socket.waitFd() !== before) {
          watch?.[Symbol.dispose]();
          watch = readiness.watchReadable(socket.waitFd(), attempt);
        }
      } catch (error) {
        settle(() => {
          reject(error instanceof Error ? error : new Error(String(error)));
        });
      }
    };
    attempt();
    void running.exited.then(() => {
      if (watch === undefined) return;
      // It may have sent one and ended before the watch told us.
      attempt();
      settle(() => {
        resolve(undefined);
      });
    });
  });
}

/** A command that could not be started: its stream holds the reason. */
function failedSession(running: RunningExec): ExecSession {
  const stream = new PassThrough();
  stream.end(forTerminal(running.explanation() ?? running.failure()));
  return {
    stdio: { kind: 'pty', stream },
    exited: running.exited,
    resize: () => undefined,
    signal: () => undefined,
    kill: () => undefined,
  };
}

function forTerminal<Text extends string | undefined>(text: Text): Text | string {
  return typeof text === 'string' ? text.replaceAll('\n', '\r\n') : text;
}

/** Nobody has to read what a killed command left; without this its descriptors would stay open. */
function destroyAfter(exited: Promise<number>, streams: readonly Duplex[]): void {
  void exited.then(() => {
    setTimeout(() => {
      for (const stream of streams) stream.destroy();
    }, unreadMs).unref();
  });
}

/** Unguessable only so that no two execs, of this daemon or an earlier one, share their files. */
function newBase({ bundleDir }: ExecContext): string {
  return `${bundleDir}/exec-${randomBytes(6).toString('hex')}`;
}
