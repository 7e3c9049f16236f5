import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { run } from '../../../src/sys/programs/run.ts';
import { runQuiet, startProgram } from '../../../src/sys/programs/quiet.ts';

const options = { what: 'try it', timeoutMs: 20_000 };

const sh = (script: string, more = {}): Promise<void> =>
  runQuiet('sh', ['-c', script], { ...options, ...more });

describe('a program run quietly', () => {
  it('is looked up in PATH, gets its arguments and a clean environment, and runs in /', async () => {
    const seen = `[ "$PWD" = / ] && [ "$LC_ALL" = C.UTF-8 ] && [ "$EXTRA" = 1 ] && [ -z "$HOME" ]`;
    await sh(`${seen} && [ -z "$(cat)" ]`, { env: { EXTRA: '1' } });
  });

  it('fails with its last words, whichever stream had them', async () => {
    await expect(sh('echo one; echo two >&2; exit 3')).rejects.toMatchObject({
      code: 'program_failed',
      details: { what: 'try it', program: 'sh', outcome: 'exited with 3', output: 'one / two' },
    });
  });

  it('fails by name of the signal that ended it', async () => {
    await expect(sh('kill -SEGV $$')).rejects.toMatchObject({
      details: { outcome: 'was ended by SIGSEGV', output: '' },
    });
  });

  it('that is not there is not installed', async () => {
    await expect(runQuiet('no-such-program', [], options)).rejects.toMatchObject({
      details: { outcome: 'is not installed' },
    });
    await expect(runQuiet('/no/such', [], options)).rejects.toMatchObject({
      details: { outcome: 'is not installed' },
    });
  });

  it('is killed when it takes too long', async () => {
    await expect(sh('exec sleep 100', { timeoutMs: 50 })).rejects.toMatchObject({
      code: 'timeout',
    });
    expect(children()).toEqual([]);
  });

  it('cannot fill the memory with what it says', async () => {
    await expect(sh('head -c 1000000 /dev/zero | tr "\\0" x; exit 9')).rejects.toMatchObject({
      details: { outcome: 'exited with 9', output: 'x'.repeat(500) },
    });
  });

  it('has none of our descriptors, and we keep none of its', async () => {
    const before = readdirSync('/proc/self/fd').length;
    await sh(
      'n=3; while [ $n -lt 400 ]; do [ ! -e /proc/$$/fd/$n ] || exit $n; n=$((n + 1)); done',
    );
    expect(readdirSync('/proc/self/fd').length).toBe(before);
  });

  it('is told apart from the others that end at the same time, libuv its own among them', async () => {
    const codes = Array.from({ length: 40 }, (_, index) => index);
    const ends = codes.map((code) =>
      code % 2 === 0
        ? startProgram('sh', ['-c', `exit ${code}`], { fds: [null, null, null] }).ended.then(
            ({ value }) => value,
          )
        : run('sh', ['-c', `exit ${code}`], { what: 'try it', okExitCodes: codes }).then(
            ({ exitCode }) => exitCode,
          ),
    );
    expect(await Promise.all(ends)).toEqual(codes);
    expect(children()).toEqual([]);
  });

  it('is where nobody has a reason to unmount or remove anything, and ends when killed', async () => {
    const child = startProgram('sleep', ['60'], { fds: [null, null, null] });
    expect(readlinkSync(`/proc/${child.pid}/cwd`)).toBe('/');
    child.kill('SIGKILL');
    expect(await child.ended).toEqual({ pid: child.pid, kind: 'killed', value: 9 });
  });

  it('is not signalled after its end', async () => {
    const child = startProgram('true', [], { fds: [null, null, null] });
    expect(await child.ended).toEqual({ pid: child.pid, kind: 'exited', value: 0 });
    child.kill('SIGKILL');
  });
});

/** Pids of children of ours that nobody reaped; esbuild's service is vitest's. */
function children(): number[] {
  const text = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim();
  return text.split(' ').flatMap((word) => {
    const pid = Number(word);
    if (word === '') return [];
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('esbuild') ? [] : [pid];
  });
}
