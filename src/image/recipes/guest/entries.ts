import type { NewEntry } from '../../archive/writer.ts';

/** Changes to a freshly installed root file system. Paths are relative to its root. */
export interface GuestChanges {
  /** Removed first, with all below; absent is fine. */
  readonly removals: readonly string[];
  /** Then these are made; what is in the way is replaced. */
  readonly entries: readonly NewEntry[];
  /** Scripts in etc/init.d that do nothing from now on, but keep their place in the order. */
  readonly idleScripts?: readonly string[];
}

export function textFile(path: string, lines: readonly string[], mode = 0o644): NewEntry {
  const text = lines.map((line) => `${line}\n`).join('');
  return { kind: 'file', path, mode, content: Buffer.from(text, 'utf8') };
}

export function symlink(path: string, target: string): NewEntry {
  return { kind: 'symlink', path, target };
}

export function directory(path: string, mode = 0o755): NewEntry {
  return { kind: 'directory', path, mode };
}

/** All of the first, then all of the next. */
export function mergeChanges(...changes: readonly GuestChanges[]): GuestChanges {
  return {
    removals: changes.flatMap(({ removals }) => removals),
    entries: changes.flatMap(({ entries }) => entries),
    idleScripts: changes.flatMap(({ idleScripts = [] }) => idleScripts),
  };
}
