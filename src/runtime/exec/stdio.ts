import { fchownSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';

import { openPipe } from '../../sys/kernel/pipe.ts';
import { poll } from '../../sys/kernel/poll.ts';
import { closeFd } from '../../sys/kernel/socket.ts';
import { openPtyPeer, setWindowSize, type WindowSize } from '../../sys/kernel/tty.ts';
import { Buffers } from './buffers.ts';
import { ErrorPipe, MasterStream } from './complaint.ts';
import { OutputPipe } from './output-pipe.ts';

/** How often a stream is looked at, after its process ended, for output not read yet. */
const drainIntervalMs = 10;

export interface Pipes {
  readonly stdin: Socket;
  readonly stdout: OutputPipe;
  readonly stderr: ErrorPipe;
  /** Of stdout. */
  readonly buffers: Buffers;
  /** The process's ends, for fds 0–2. `closeChildEnds` after the spawn. */
  readonly childFds: readonly [number, number, number];
  closeChildEnds(): void;
  /** Ends stdout and stderr once everything written so far was read. */
  finish(): void;
  /** `pipe:[inode]` as /proc/PID/fd shows them. */
  readonly fds: readonly number[];
}

/**
 * Three pipes owned by `owner` (U0 ids), so that the process may open /dev/stdout by name. The OCI
 * runtime tries the same, but from where our own id is not mapped and may not be changed.
 */
export function openPipes(owner: { uid: number; gid: number }): Pipes {
  const [input, output, error] = [openPipe(), openPipe(), openPipe()];
  const childFds = [input.readFd, output.writeFd, error.writeFd] as const;
  for (const fd of childFds) fchownSync(fd, owner.uid, owner.gid);
  const stdin = new Socket({ fd: input.writeFd, readable: false, writable: true });
  const buffers = new Buffers();
  const stdout = new OutputPipe(output.readFd, buffers);
  const stderr = new ErrorPipe({ fd: error.readFd, readable: true, writable: false });
  // A process that closes its stdin is no error of ours.
  stdin.on('error', () => stdin.destroy());
  return {
    stdin,
    stdout,
    stderr,
    buffers,
    childFds,
    closeChildEnds: () => {
      for (const fd of childFds) closeFd(fd);
    },
    finish: () => {
      stdin.destroy();
      endWhenDrained(stdout, output.readFd);
      endWhenDrained(stderr, error.readFd);
    },
    fds: [input.writeFd, output.readFd, error.readFd],
  };
}

/** A command's pty on our side. */
export interface Terminal {
  /** Owns the master and closes it. */
  readonly stream: MasterStream;
  readonly masterFd: number;
  /** A slave, which the caller closes. */
  readonly peerFd: number;
}

/** Takes the master of a new pty over and gives it its size; closes it when that cannot be done. */
export function openTerminal(masterFd: number, size: WindowSize): Terminal {
  let peerFd: number | undefined;
  try {
    setWindowSize(masterFd, size);
    peerFd = openPtyPeer(masterFd);
    return { stream: new MasterStream(masterFd), masterFd, peerFd };
  } catch (error) {
    if (peerFd !== undefined) closeFd(peerFd);
    closeFd(masterFd);
    throw error;
  }
}

/**
 * Ends a stream whose process has ended, after what it wrote was read. It must not wait for the
 * end of file: whatever the process left in the background may hold the other end for ever.
 */
export function endWhenDrained(stream: Readable, fd: number): void {
  if (stream.destroyed || stream.readableEnded) return;
  const [state] = poll([{ fd, events: 'read' }], 0);
  if (state === undefined) {
    stream.push(null);
    return;
  }
  // Closed at the other end: libuv reports the end itself, after the last byte.
  if (!state.readable && state.hungUp) return;
  setTimeout(endWhenDrained, drainIntervalMs, stream, fd);
}
