import { closeSync, openSync, readSync, writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { poll } from '../../../src/sys/kernel/poll.ts';
import {
  duplicateFd,
  hasEnded,
  pidfdGetfd,
  pidfdOpen,
  pidfdSendSignal,
  tryLock,
} from '../../../src/sys/kernel/process.ts';
import { closeFd } from '../../../src/sys/kernel/socket.ts';
import { spawnChild } from '../../../src/sys/kernel/spawn.ts';
import { findEndedChild, reap } from '../../../src/sys/kernel/wait.ts';
import {
  isRunning,
  isSameProcess,
  processIdentity,
  readProcessStat,
} from '../../../src/sys/proc/identity.ts';

function spawnSh(script: string, fds: readonly number[] = [0, 1, 2]): number {
  return spawnChild({ path: '/bin/sh', argv: ['sh', '-c', script], env: { MARK: 'set' }, fds });
}

/** Waits for the child itself to end, without reaping it. */
function untilEnded(pid: number): void {
  const pidfd = pidfdOpen(pid);
  poll([{ fd: pidfd, events: 'read' }], 5000);
  expect(hasEnded(pidfd)).toBe(true);
  closeFd(pidfd);
}

describe('a spawned child', () => {
  it('is found ended with its exit code, is a zombie until reaped, and is gone then', () => {
    const pid = spawnSh('exit 7');
    const identity = processIdentity(pid);
    untilEnded(pid);
    expect(findEndedChild()).toEqual({ pid, kind: 'exited', value: 7 });
    expect(readProcessStat(pid)?.state).toBe('Z');
    expect(identity && isSameProcess(identity)).toBe(true);
    expect(identity && isRunning(identity)).toBe(false);
    expect(reap(pid)).toEqual({ pid, kind: 'exited', value: 7 });
    expect(identity && isSameProcess(identity)).toBe(false);
    expect(reap(pid)).toBeUndefined();
  });

  it('tells the signal it died of', () => {
    const pid = spawnSh('exec sleep 60');
    const pidfd = pidfdOpen(pid);
    expect(hasEnded(pidfd)).toBe(false);
    expect(findEndedChild()).toBeUndefined();
    pidfdSendSignal(pidfd, 1);
    untilEnded(pid);
    closeFd(pidfd);
    expect(reap(pid)).toEqual({ pid, kind: 'killed', value: 1 });
  });

  it('has the descriptors it was given in their order, the environment it was given, and no others', () => {
    const directory = mkdtempSync(join(tmpdir(), 'warren-spawn-'));
    const out = openSync(join(directory, 'out'), 'w+');
    const input = openSync('/dev/null', 'r');
    const pid = spawnSh(
      'ls /proc/self/fd | tr "\\n" " "; env | grep -v -e PWD -e _=; echo three >&3',
      [input, out, 2, out],
    );
    untilEnded(pid);
    reap(pid);
    const text = Buffer.alloc(4096);
    const length = readSync(out, text, 0, text.length, 0);
    closeSync(out);
    closeSync(input);
    rmSync(directory, { recursive: true });
    // ls opens the directory itself as 4.
    expect(text.toString('utf8', 0, length)).toBe('0 1 2 3 4 MARK=set\nthree\n');
  });

  it('is not made when the program is missing', () => {
    expect(() =>
      spawnChild({ path: '/no/such/program', argv: ['x'], env: {}, fds: [0, 1, 2] }),
    ).toThrow(expect.objectContaining({ code: 'ENOENT' }) as Error);
  });
});

describe('descriptors of another process', () => {
  it('are fetched by number and stay open when that process is gone', () => {
    const directory = mkdtempSync(join(tmpdir(), 'warren-getfd-'));
    writeFileSync(join(directory, 'file'), 'content');
    const file = openSync(join(directory, 'file'), 'r');
    const pid = spawnSh('exec sleep 60', [0, 1, 2, file]);
    closeSync(file);
    rmSync(directory, { recursive: true });
    const pidfd = pidfdOpen(pid);
    const fetched = pidfdGetfd(pidfd, 3);
    expect(() => pidfdGetfd(pidfd, 9)).toThrow(expect.objectContaining({ code: 'EBADF' }) as Error);
    pidfdSendSignal(pidfd, 9);
    untilEnded(pid);
    reap(pid);
    closeFd(pidfd);
    const text = Buffer.alloc(16);
    expect(text.toString('utf8', 0, readSync(fetched, text, 0, 16, 0))).toBe('content');
    closeFd(fetched);
  });

  it('that never was has no pidfd', () => {
    expect(() => pidfdOpen(2 ** 22)).toThrow(expect.objectContaining({ code: 'ESRCH' }) as Error);
  });
});

describe('a lock', () => {
  it('is refused to another open file and free again once closed', () => {
    const directory = mkdtempSync(join(tmpdir(), 'warren-lock-'));
    const path = join(directory, 'lock');
    const first = openSync(path, 'w');
    const second = openSync(path, 'w');
    expect(tryLock(first)).toBe(true);
    expect(tryLock(second)).toBe(false);
    const copy = duplicateFd(first, 50);
    expect(copy).toBeGreaterThanOrEqual(50);
    closeSync(first);
    expect(tryLock(second)).toBe(false);
    closeSync(copy);
    expect(tryLock(second)).toBe(true);
    closeSync(second);
    rmSync(directory, { recursive: true });
  });
});
