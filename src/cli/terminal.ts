import type { Control, TerminalSize } from '../client/exec.ts';
import type { ReadStream } from 'node:tty';

interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  on(event: 'resize', listener: () => void): unknown;
  off(event: 'resize', listener: () => void): unknown;
}

/**
 * The terminal that warren runs in. Raw mode is left on every way out: at the end of `raw`, on
 * `process.exit` and on the signals that end a process.
 */
export class Terminal {
  readonly #input: ReadStream | undefined;
  readonly #screen: Screen;

  constructor(stdin: NodeJS.ReadStream, stdout: Screen) {
    // Undefined for a pipe, whatever the types say.
    this.#input = (stdin.isTTY as boolean | undefined) === true ? stdin : undefined;
    this.#screen = stdout;
  }

  /** Both ends are a terminal. */
  get isInteractive(): boolean {
    return this.#input !== undefined && this.#screen.isTTY === true;
  }

  size(): TerminalSize {
    return { width: this.#screen.columns ?? 80, height: this.#screen.rows ?? 24 };
  }

  /** Sends every change of size to `control` until the result is called. */
  followSize(control: Control): () => void {
    const send = (): void => {
      control.resize(this.size());
    };
    this.#screen.on('resize', send);
    return () => {
      this.#screen.off('resize', send);
    };
  }

  /** Runs `work` while every key goes through unread by the terminal driver. */
  async raw<T>(work: () => Promise<T>): Promise<T> {
    const input = this.#input;
    if (input === undefined) return await work();
    const leave = (): void => {
      input.setRawMode(false);
    };
    const die = (signal: NodeJS.Signals): void => {
      leave();
      process.removeListener(signal, die);
      process.kill(process.pid, signal);
    };
    input.setRawMode(true);
    process.on('exit', leave);
    for (const signal of fatal) process.on(signal, die);
    try {
      return await work();
    } finally {
      for (const signal of fatal) process.removeListener(signal, die);
      process.removeListener('exit', leave);
      leave();
    }
  }
}

const fatal = ['SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;
