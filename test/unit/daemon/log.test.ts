import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { WarrenError } from '../../../src/contract/errors.ts';
import { EventHub } from '../../../src/daemon/events/hub.ts';
import { asWarrenError } from '../../../src/daemon/failures.ts';
import { createLogger } from '../../../src/daemon/log.ts';

import type { Logger } from 'pino';

let directory: string;
let log: Logger;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'log-'));
  log = createLogger(join(directory, 'log'), new EventHub());
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const lines = (): Record<string, unknown>[] =>
  readFileSync(join(directory, 'log'), 'utf8')
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const fail = (error: unknown) =>
  asWarrenError(error, { log, logPath: 'log', what: 'Updating instance', operation: 'id' });

test('what was foreseen is logged without the place where it was thrown', () => {
  const cause = new Error('EBUSY: cgroup.procs');
  const error = new WarrenError('timeout', { what: 'stop web', seconds: 9 }, { cause });
  log.warn({ err: error }, 'could not stop');
  expect(lines()).toMatchObject([
    {
      err: {
        code: 'timeout',
        message: 'Cannot stop web: not done after 9 s (EBUSY: cgroup.procs)',
      },
    },
  ]);
  expect(JSON.stringify(lines())).not.toContain('log.test.ts');
});

test('a bug is logged with its stack', () => {
  expect(fail(new TypeError('x is not a function'))).toMatchObject({ code: 'bug' });
  expect(lines()).toMatchObject([{ level: 50, msg: 'bug: Updating instance', operation: 'id' }]);
  expect(JSON.stringify(lines())).toContain('log.test.ts');
});

test('what a person got wrong is not logged, and what this host refuses is no warning', () => {
  fail(new WarrenError('not_found', { kind: 'instance', name: 'web' }));
  expect(lines()).toEqual([]);
  const limit = { name: 'web', key: 'limits.cpu', value: '0-1', controller: 'cpuset' };
  fail(new WarrenError('limit_unenforceable', limit));
  fail(new WarrenError('host_lacks', { what: 'a', found: 'b', wanted: 'c', hint: 'd' }));
  expect(lines()).toMatchObject([
    { level: 30, code: 'limit_unenforceable', details: limit, operation: 'id' },
    { level: 40, code: 'host_lacks' },
  ]);
  expect(JSON.stringify(lines())).not.toContain('log.test.ts');
});
