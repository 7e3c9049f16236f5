import { rm } from 'node:fs/promises';

import { WarrenError } from '../../contract/errors.ts';
import type { ConsoleAttachment, ConsoleClient } from '../live/console.ts';
import { readConsoleLogFile } from '../live/console-log.ts';
import type { EngineDeps } from '../types.ts';
import { consoleLogPath } from './adopt.ts';
import { getInstance } from './list.ts';
import { isRunning } from './state.ts';

export type { ConsoleAttachment, ConsoleClient } from '../live/console.ts';

/** Attaches to the console of a running machine. Throws `wrong_state` when it is stopped. */
export function attachConsole(
  deps: EngineDeps,
  name: string,
  client: ConsoleClient,
): ConsoleAttachment {
  const record = getInstance(deps, name);
  if (!isRunning(deps, record)) {
    throw new WarrenError('wrong_state', {
      name,
      action: 'attach to the console of',
      state: 'stopped',
      wanted: 'running',
      hint: `warren console --show-log ${name}`,
    });
  }
  const console = deps.live.find(record.id)?.console;
  if (console === undefined) {
    throw new WarrenError('unsupported', {
      what: `attach to the console of ${name}`,
      why: 'it was lost when the keeper died',
      hint: `warren restart ${name}`,
    });
  }
  return console.attach(client);
}

/** The last console output (up to 128 KiB), also of a machine that has stopped. */
export async function readConsoleLog(deps: EngineDeps, name: string): Promise<Buffer> {
  const { id } = getInstance(deps, name);
  await deps.live.find(id)?.console?.log.flush();
  return readConsoleLogFile(consoleLogPath(deps, id));
}

/** Forgets what a machine wrote to its console. Throws `not_found`. */
export async function clearConsoleLog(deps: EngineDeps, name: string): Promise<void> {
  const { id } = getInstance(deps, name);
  const console = deps.live.find(id)?.console;
  if (console === undefined) await rm(consoleLogPath(deps, id), { force: true });
  else await console.log.clear();
}
