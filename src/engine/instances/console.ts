import type { EngineDeps } from '../types.ts';

/** One attached client. Disposing detaches it; the machine goes on. */
export interface ConsoleAttachment extends Disposable {
  write(data: Uint8Array): void;
  resize(width: number, height: number): void;
}

export interface ConsoleClient {
  onData(data: Buffer): void;
  /** The machine ended. Called once, never after disposing. */
  onEnd(): void;
}

/** Attaches to the console of a running machine. Throws `wrong_state` when it is stopped. */
export function attachConsole(
  deps: EngineDeps,
  name: string,
  client: ConsoleClient,
): ConsoleAttachment {
  throw new Error(`not yet ${deps.architecture} ${name} ${typeof client}`);
}

/** The last console output (up to 128 KiB), also of a machine that has stopped. */
export async function readConsoleLog(deps: EngineDeps, name: string): Promise<Buffer> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${name}`));
}

export async function clearConsoleLog(deps: EngineDeps, name: string): Promise<void> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${name}`));
}
