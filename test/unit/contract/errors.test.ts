import { expect, test } from 'vitest';

import { catalogue, isWarrenError, WarrenError } from '../../../src/contract/errors.ts';

test('every row has an HTTP error status and an exit code that means something', () => {
  for (const [code, { status, exit }] of Object.entries(catalogue)) {
    expect(status, code).toBeGreaterThanOrEqual(400);
    expect(status, code).toBeLessThan(600);
    // 2 is yargs' usage error; 126 and above belong to commands run in machines.
    expect(exit === 1 ? code === 'bug' : exit > 2 && exit < 126, code).toBe(true);
  }
});

test('a WarrenError carries the sentence and the remedy of its row', () => {
  const error = new WarrenError('not_found', {
    kind: 'image',
    name: 'debain/12',
    nearest: 'debian/12',
  });
  expect(error.message).toBe('Cannot find image "debain/12"; the nearest name is "debian/12"');
  expect(error.hint).toBe('warren image list --available');
  expect(isWarrenError(error, 'not_found')).toBe(true);
  expect(isWarrenError(error, 'exists')).toBe(false);
});

test('an invalid request reports all of its issues in one sentence', () => {
  const error = new WarrenError('invalid', {
    what: 'create web',
    issues: [
      { path: 'config.limits.memory', problem: '"lots" is no size' },
      { path: '', problem: 'no source' },
    ],
  });
  expect(error.hint).toBe('warren help limits');
  expect(error.message).toBe(
    'Cannot create web: config.limits.memory: "lots" is no size; no source',
  );
});

test.each([
  [new WarrenError('exists', { kind: 'profile', name: 'lab' }), 'warren profile list'],
  [
    new WarrenError('in_use', { kind: 'network', name: 'br0', users: ['web'] }),
    'warren network show br0',
  ],
  [new WarrenError('timeout', { what: 'stop web', seconds: 9 }), 'warren daemon logs'],
  [
    new WarrenError('not_found', { kind: 'user', name: 'anna', owner: 'web' }),
    'warren exec web -- cat /etc/passwd',
  ],
])('%s is helped by a command', (error, hint) => {
  expect(error.hint).toBe(hint);
});
