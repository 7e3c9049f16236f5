import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { ExitJournal, parseJournal } from '../../../src/keeper/journal.ts';

let directory: string;
let path: string;
const lines: string[] = [];
const log = (line: string): void => void lines.push(line);

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'warren-journal-'));
  path = join(directory, 'exits.jsonl');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function exitOf(pid: number): Parameters<ExitJournal['append']>[0] {
  return { pid, startTime: pid, bootId: 'b', exit: { kind: 'exited', value: 0 }, at: 'now' };
}

describe('the exit journal', () => {
  it('is private, and has a record on disk when append returns', () => {
    const journal = new ExitJournal(path, log);
    expect(journal.append(exitOf(10)).sequence).toBe(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(parseJournal(readFileSync(path, 'utf8')).records).toEqual(journal.records);
  });

  it('goes on counting after everything was forgotten and the keeper was started again', () => {
    const first = new ExitJournal(path, log);
    first.append(exitOf(1));
    first.append(exitOf(2));
    first.forget(2);
    expect(first.append(exitOf(3)).sequence).toBe(3);
    first.forget(3);
    const second = new ExitJournal(path, log);
    expect(second.records).toEqual([]);
    expect(second.append(exitOf(4)).sequence).toBe(4);
  });

  it('never forgets what has not been', () => {
    const journal = new ExitJournal(path, log);
    journal.append(exitOf(1));
    journal.forget(99);
    expect(journal.append(exitOf(2)).sequence).toBe(2);
    expect(new ExitJournal(path, log).records.map(({ pid }) => pid)).toEqual([2]);
  });

  it('reads the same after any run of appends, forgets and restarts as a plain list says', () => {
    const step = fc.oneof(
      fc.constant('append' as const),
      fc.constant('restart' as const),
      fc.nat(12),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
        rmSync(path, { force: true });
        let journal = new ExitJournal(path, log);
        let model: number[] = [];
        let last = 0;
        for (const action of steps) {
          if (action === 'append') model.push(journal.append(exitOf(++last)).sequence);
          else if (action === 'restart') journal = new ExitJournal(path, log);
          else {
            journal.forget(action);
            model = model.filter((sequence) => sequence > action);
          }
          expect(journal.records.map(({ sequence }) => sequence)).toEqual(model);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('loses only what was cut off, wherever a crash cut it', () => {
    const journal = new ExitJournal(path, log);
    for (const pid of [1, 2, 3]) journal.append(exitOf(pid));
    const whole = readFileSync(path);
    const ends = [...whole.keys()].filter((at) => whole[at] === 10).map((at) => at + 1);
    for (let size = 0; size <= whole.length; size++) {
      writeFileSync(path, whole);
      truncateSync(path, size);
      const again = new ExitJournal(path, log);
      const kept = ends.filter((end) => end <= size).length;
      expect(again.records).toHaveLength(kept);
      expect(again.append(exitOf(9)).sequence).toBe(kept + 1);
      expect(new ExitJournal(path, log).records).toHaveLength(kept + 1);
    }
    // Every append waits for the disk, and a busy one is slow.
  }, 60_000);

  it('reads any text without failing', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.json(), fc.string()), { maxLength: 8 }), (texts) => {
        const { records } = parseJournal(`${texts.join('\n')}\n`);
        for (const { sequence } of records) expect(sequence).toBeGreaterThan(0);
      }),
    );
  });
});
