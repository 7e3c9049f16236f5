import { execFileSync } from 'node:child_process';
import {
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';

import { hostPath, type HostPath } from '../../../../src/base/brand.ts';
import { WarrenError } from '../../../../src/contract/errors.ts';
import type { ImageLimits } from '../../../../src/image/deps.ts';
import { makeImages } from '../../../../src/image/images.ts';
import type { Images, Progress, WorkContext } from '../../../../src/image/types.ts';

/** As the storage tests' helper that describes trees has it. */
export const slice = { start: 1, size: 20_000 };

export interface Ground {
  readonly images: Images;
  /** A 0700 directory of ours; beside every target lies a canary. */
  readonly base: string;
  readonly reports: Progress[];
  readonly context: WorkContext;
  file(name: string, content: Buffer): HostPath;
  target(): HostPath;
  /** Runs a program and returns what it printed. */
  run(program: string, ...args: string[]): string;
  /** Throws when anything outside the targets changed, or when a process, mount or file is left. */
  remove(): void;
}

/** Everything of the user in a home that slices cannot pass, as on a real host. */
export function makeGround(limits?: ImageLimits): Ground {
  const base = mkdtempSync(`${homedir()}/warren-image-`);
  const mountDir = `${base}/mnt`;
  mkdirSync(mountDir);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'mode=755', 'warren', '/mnt']);
  writeFileSync(`${base}/canary`, 'untouched');
  const outside = snapshot(base);
  const reports: Progress[] = [];
  const images = makeImages({
    paths: { mountDir: hostPath('/mnt') },
    log: { debug: () => undefined, warn: () => undefined },
    hostArchitecture: 'x86_64',
    limits,
  });
  let targets = 0;
  return {
    images,
    base,
    reports,
    context: {
      signal: new AbortController().signal,
      progress: (report) => reports.push(report),
    },
    file(name, content) {
      const path = `${base}/${name}`;
      writeFileSync(path, content, { mode: 0o600 });
      return hostPath(path);
    },
    target() {
      const path = `${base}/target-${++targets}`;
      mkdirSync(path, { mode: 0o755 });
      chownSync(path, slice.start, slice.start);
      return hostPath(path);
    },
    run: (program, ...args) =>
      execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    remove() {
      const left = { state: list('/mnt/image/state'), bundles: list('/mnt/image/bundles') };
      const processes = sliceProcesses();
      const now = snapshot(base);
      const mounts = readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.includes(base));
      execFileSync('umount', ['/mnt']);
      execFileSync('rm', ['-rf', base]);
      const found = JSON.stringify({ ...left, processes, mounts, outside: now });
      const wanted = JSON.stringify({ state: [], bundles: [], processes: [], mounts: [], outside });
      if (found !== wanted) throw new Error(`left behind or changed: ${found}, wanted ${wanted}`);
    },
  };
}

/** The error code of work that must fail, with its message. */
export async function failure(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof WarrenError)) throw error;
    return { code: String(error.code), message: error.message };
  }
  throw new Error('it did not fail');
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** What a break-out would change first. */
function snapshot(base: string): string[] {
  return [
    readFileSync(`${base}/canary`, 'utf8'),
    list('/').sort().join(' '),
    list('/tmp')
      .filter((name) => name.startsWith('pwned'))
      .join(' '),
    list(homedir())
      .filter((name) => name.startsWith('pwned'))
      .join(' '),
  ];
}

/** Processes that run as an id of ours other than our own. */
function sliceProcesses(): string[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const uid = Number(/^Uid:\t(\d+)/m.exec(status)?.[1]);
        return uid > 0 && uid < 65_534 && !/^State:\tZ/m.test(status);
      } catch {
        return false;
      }
    })
    .map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' '));
}
