import { Socket } from 'node:net';
import { ReadStream } from 'node:tty';

import { complaintStart } from './exit-code.ts';

/** How long the runtime may take to end after complaining. */
const holdMs = 1000;

/**
 * The OCI runtime complains about a command that it cannot run to the standard error that the
 * command would have had. What looks like it, at the very beginning, is held back until the
 * runtime's end tells whether it was, and then our own words stand in its place.
 */
class Complaint {
  #held: Buffer | undefined;
  #hasEnded = false;
  #isOver = false;
  #explanation: string | undefined;
  readonly #push: (chunk: Buffer | null) => boolean;

  constructor(push: (chunk: Buffer | null) => boolean) {
    this.#push = push;
  }

  /** In place of the stream's own `push`. */
  push(chunk: Buffer | null): boolean {
    if (this.#isOver) return this.#push(chunk);
    if (chunk === null) {
      // The runtime's end of the pipe closes before we hear that it ended.
      this.#hasEnded = true;
      if (this.#held === undefined) this.#finish(this.#explanation);
      return true;
    }
    if (this.#held !== undefined || !complaintStart.test(chunk.toString('latin1'))) {
      this.#finish(undefined);
      return this.#push(chunk);
    }
    this.#held = chunk;
    if (this.#explanation !== undefined) this.#finish(this.#explanation);
    else
      setTimeout(() => {
        this.#finish(undefined);
      }, holdMs).unref();
    return true;
  }

  /** The runtime has ended; `explanation` when it had failed. */
  settle(explanation: string | undefined): void {
    this.#explanation = explanation;
    // What it said may not have been read yet.
    if (explanation === undefined || this.#held !== undefined) this.#finish(explanation);
  }

  /** Passes on what was held, or what is said instead. */
  #finish(explanation: string | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const owed = explanation === undefined ? this.#held : Buffer.from(explanation);
    if (owed !== undefined) this.#push(owed);
    if (this.#hasEnded) this.#push(null);
  }
}

/** A command's standard error as a pipe. */
export class ErrorPipe extends Socket {
  readonly complaint = new Complaint((chunk) => super.push(chunk));

  override push(chunk: Buffer | null): boolean {
    return this.complaint.push(chunk);
  }
}

/** The master of a command's pty. */
export class MasterStream extends ReadStream {
  readonly complaint = new Complaint((chunk) => super.push(chunk));

  override push(chunk: Buffer | null): boolean {
    return this.complaint.push(chunk);
  }
}
