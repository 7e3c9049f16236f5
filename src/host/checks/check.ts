import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';

import type { DoctorCheck } from '../../contract/doctor.ts';
import type { Paths } from '../../contract/paths.ts';
import { programEnvironment } from '../../sys/programs/environment.ts';
import type { Environment, User } from '../account.ts';

/** What a check may look at. */
export interface CheckContext {
  readonly env: Environment;
  readonly user: User;
  readonly paths: Paths;
}

export type Finding = Omit<DoctorCheck, 'name'>;
export type Check = (context: CheckContext) => Finding | Promise<Finding>;

export function ok(summary: string): Finding {
  return { level: 'ok', vital: false, summary };
}

/** Something works less well than it could. */
export function warning(summary: string, remedy?: string): Finding {
  return { level: 'warning', vital: false, summary, ...(remedy === undefined ? {} : { remedy }) };
}

/** Something is not there; machines run without it. */
export function missing(summary: string, remedy: string): Finding {
  return { level: 'missing', vital: false, summary, remedy };
}

/** Something is not there, and without it no machine runs. */
export function fatal(summary: string, remedy: string): Finding {
  return { level: 'missing', vital: true, summary, remedy };
}

/** Where a program is, on the path that warren gives its programs. */
export function findProgram(name: string): string | undefined {
  const directories = (programEnvironment()['PATH'] ?? '').split(':');
  return directories
    .map((directory) => `${directory}/${name}`)
    .find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
}

/** Whether systemd is this host's init (sd_booted(3)). */
export function hasSystemd(): boolean {
  return existsSync('/run/systemd/system');
}

/** The number in a file below /proc/sys; undefined where this kernel has none. */
export function readNumber(path: string): number | undefined {
  try {
    const value = Number(readFileSync(path, 'utf8').trim());
    return Number.isNaN(value) ? undefined : value;
  } catch {
    return undefined;
  }
}

/** Whether this process may read and write what is at `path`. */
export function isReadWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
