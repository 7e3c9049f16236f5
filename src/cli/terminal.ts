import { isatty } from 'node:tty';

import type { Control, TerminalSize } from '../client/exec.ts';

/**
 * The terminal that warren runs in. Raw mode is left on every way out: at the end of `raw`, on
 * `process.exit` and on the signals that end a process.
 */
export class Terminal {
  /** Both ends are a terminal. */
  get isInteractive(): boolean {
    return isatty(0) && isatty(1);
  }

  size(): TerminalSize {
    // Undefined for a pipe, whatever the types say.
    const { columns = 80, rows = 24 } = process.stdout as Partial<typeof process.stdout>;
    return { width: columns, height: rows };
  }

  /** Sends every change of size to `control` until the result is called. */
  followSize(control: Control): () => void {
    const send = (): void => {
      control.resize(this.size());
    };
    process.stdout.on('resize', send);
    return () => {
      process.stdout.off('resize', send);
    };
  }

  /** Runs `work` while every key goes through unread by the terminal driver. */
  async raw<T>(work: () => Promise<T>): Promise<T> {
    if (!isatty(0)) return await work();
    const input = process.stdin;
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
