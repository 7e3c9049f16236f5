import { expect, test } from 'vitest';

import { hostError } from '../../../src/client/daemon-start.ts';
import { errorOfOperation, errorOfResponse, ServerError } from '../../../src/client/errors.ts';
import { WarrenError } from '../../../src/contract/errors.ts';

import type { ErrorResponse } from '../../../src/contract/api/envelope.ts';
import type { Operation } from '../../../src/contract/api/operations.ts';

const response = (rest: Partial<ErrorResponse>): ErrorResponse => ({
  type: 'error',
  error: 'Cannot find instance "web"',
  error_code: 404,
  metadata: null,
  ...rest,
});

const operation = (rest: Partial<Operation>): Operation => ({
  id: 'x',
  class: 'task',
  description: 'Starting instance',
  created_at: '',
  updated_at: '',
  status: 'Failure',
  status_code: 400,
  resources: {},
  metadata: {},
  may_cancel: false,
  err: 'it broke',
  location: 'none',
  ...rest,
});

test('an error of warren is itself again on this side of the socket', () => {
  const details = { kind: 'instance', name: 'web' };
  const error = errorOfResponse(response({ warren: { code: 'not_found', details } }));
  expect(error).toBeInstanceOf(WarrenError);
  expect(error).toMatchObject({ code: 'not_found', details, hint: 'warren list' });
});

test.each([
  ['of another server', undefined],
  ['with a code that this version does not know', { code: 'brand_new', details: {} }],
  ['named as a property of every object', { code: 'toString', details: {} }],
  ['with details that its sentence cannot be made of', { code: 'invalid', details: null }],
])('an error %s keeps its sentence and status', (_what, warren) => {
  const error = errorOfResponse(
    response({ ...(warren === undefined ? {} : { warren: warren as never }) }),
  );
  expect(error).toBeInstanceOf(ServerError);
  expect(error).toMatchObject({ message: 'Cannot find instance "web"', status: 404 });
});

test('a cancelled operation is a cancelled error', () => {
  const error = errorOfOperation(operation({ status: 'Cancelled', status_code: 401, err: '' }));
  expect(error).toMatchObject({ code: 'cancelled', message: 'Starting instance was cancelled' });
});

test('a failed operation has the error of its work', () => {
  const warren_error = { code: 'timeout', details: { what: 'stop web', seconds: 30 } } as const;
  expect(errorOfOperation(operation({ warren_error }))).toMatchObject({ code: 'timeout' });
  expect(errorOfOperation(operation({}))).toMatchObject({ message: 'it broke' });
});

test('a failed start of the daemon says what warren-host said last', () => {
  const stderr = 'noise\n{"error":{"code":"real_root","details":{}}}\n';
  expect(hostError({ exitCode: 19, stdout: '', stderr }, '/s')).toMatchObject({
    code: 'real_root',
  });
});

test('a start that failed without a word is told with its exit code', () => {
  const error = hostError(
    { exitCode: 1, stdout: '', stderr: 'Error: cannot find module x\n' },
    '/s',
  );
  expect(error.message).toBe(
    'Cannot reach the daemon at /s: starting it failed with exit code 1: Error: cannot find module x',
  );
});
