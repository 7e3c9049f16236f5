import { readdirSync, readFileSync } from 'node:fs';

interface ProcessFacts {
  readonly pid: number;
  readonly parent: number;
  readonly commandLine: string;
  /** Belongs to a machine: it has a pid namespace of its own. */
  readonly isGuest: boolean;
}

/**
 * A manager's own processes and their proportional set size (man 5 proc, smaps_rollup): those whose
 * command line it recognises and their descendants, without what runs inside machines.
 */
export function ownProcesses(owns: (commandLine: string) => boolean): {
  readonly count: number;
  readonly bytes: number;
} {
  const all = listProcesses();
  const own = new Set(all.filter(({ commandLine }) => owns(commandLine)).map(({ pid }) => pid));
  for (let grew = true; grew;) {
    grew = false;
    for (const { pid, parent } of all) {
      if (own.has(pid) || !own.has(parent)) continue;
      own.add(pid);
      grew = true;
    }
  }
  const counted = all.filter(({ pid, isGuest }) => own.has(pid) && !isGuest);
  return {
    count: counted.length,
    bytes: counted.reduce((sum, { pid }) => sum + pssBytes(pid), 0),
  };
}

function listProcesses(): readonly ProcessFacts[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const status = readGone(`/proc/${name}/status`);
      const parent = /^PPid:\s+(\d+)/m.exec(status)?.[1];
      if (parent === undefined) return [];
      return {
        pid: Number(name),
        parent: Number(parent),
        commandLine: readGone(`/proc/${name}/cmdline`).replaceAll('\0', ' '),
        isGuest: /^NSpid:\s+\d+\s+\d/m.test(status),
      };
    });
}

function pssBytes(pid: number): number {
  const rollup = readGone(`/proc/${pid}/smaps_rollup`);
  return Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0) * 1024;
}

/** A file of procfs; empty when its process has ended meanwhile. */
function readGone(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
