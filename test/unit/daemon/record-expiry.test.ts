import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { hostPath } from '../../../src/base/brand.ts';
import { startRecordExpiry } from '../../../src/daemon/record-expiry.ts';

test('recorded output is removed once it is two days old, by the hour', async () => {
  const logDir = hostPath(mkdtempSync(join(tmpdir(), 'records-')));
  const nowMs = Date.parse('2026-03-29T09:59:30Z');
  const ages = { 'exec_old.stdout': 49, 'exec_old.stderr': 48.1, 'exec_new.stdout': 47.9 };
  const web = join(logDir, 'exec/web');
  mkdirSync(web, { recursive: true });
  mkdirSync(join(logDir, 'exec/idle'));
  for (const [name, hours] of Object.entries(ages)) {
    writeFileSync(join(web, name), '');
    const atSeconds = nowMs / 1000 - hours * 3600;
    utimesSync(join(web, name), atSeconds, atSeconds);
  }
  const problems: unknown[] = [];
  let atMs = nowMs;
  let due = (): void => undefined;
  const clock = {
    now: () => atMs,
    after: (ms: number, work: () => void) => {
      due = () => {
        atMs += ms;
        work();
      };
      return () => undefined;
    },
  };
  using _ = startRecordExpiry({ logDir }, (error) => problems.push(error), clock);
  due();
  await expect.poll(() => readdirSync(web)).toEqual(['exec_new.stdout']);
  expect(problems).toEqual([]);
  rmSync(logDir, { recursive: true });
});
