import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, test, vi } from 'vitest';

import { WarrenError } from '../../../src/contract/errors.ts';
import { Operations } from '../../../src/daemon/operations/registry.ts';

import type { Operation } from '../../../src/contract/api/operations.ts';
import type { OperationSpec } from '../../../src/daemon/operations/operation.ts';

function registry(keepMs = 1000): { operations: Operations; seen: Operation[] } {
  const seen: Operation[] = [];
  const operations = new Operations({
    onChange: (operation) => seen.push(operation),
    explain: (error) =>
      error instanceof WarrenError
        ? (error as WarrenError)
        : new WarrenError('bug', { message: String(error), log: 'log' }),
    keepMs,
  });
  return { operations, seen };
}

const spec: Omit<OperationSpec, 'work'> = {
  description: 'Starting instance',
  resources: { instances: ['web'], containers: ['web'] },
};

/** Work that ends only when it is told to. */
const untilAborted: OperationSpec['work'] = ({ signal }) =>
  new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => {
      reject(new WarrenError('cancelled', { what: 'waiting' }));
    });
  });

describe('operations', () => {
  test('are found by the beginning of their id, unless several begin so', () => {
    const { operations } = registry();
    const started = Array.from({ length: 17 }, () =>
      operations.start({ ...spec, work: () => Promise.resolve(undefined) }),
    );
    for (const operation of started) {
      expect(operations.get(operation.id)).toBe(operation);
      expect(operations.get(operation.id.slice(0, 18))).toBe(operation);
    }
    // Of seventeen, two begin with the same hexadecimal digit.
    const starts = started.map(({ id }) => id.slice(0, 1));
    const twice = starts.find((digit, at) => starts.indexOf(digit) !== at) ?? '';
    expect(() => operations.get(twice)).toThrow(/several operations begin with .$|wanted more/);
    expect(() => operations.get('')).toThrow('Cannot find operation ""');
    expect(() => operations.get('zz')).toThrow('Cannot find operation "zz"');
  });

  test('go from pending over running to success, with URLs and the result', async () => {
    const { operations, seen } = registry();
    const { finished, id } = operations.start({ ...spec, work: () => Promise.resolve({ a: 1 }) });
    await finished;
    expect(seen.map(({ status }) => status)).toEqual(['Pending', 'Running', 'Success']);
    expect(operations.get(id).render()).toMatchObject({
      class: 'task',
      status_code: 200,
      err: '',
      metadata: { a: 1 },
      may_cancel: false,
      resources: { instances: ['/1.0/instances/web'], containers: ['/1.0/containers/web'] },
    });
  });

  test('that fail say so in a sentence and in the catalogue’s terms', async () => {
    const { operations } = registry();
    const failure = new WarrenError('not_found', { kind: 'instance', name: 'web' });
    const operation = operations.start({ ...spec, work: () => Promise.reject(failure) });
    await operation.finished;
    expect(operation.render()).toMatchObject({
      status: 'Failure',
      status_code: 400,
      err: 'Cannot find instance "web"',
      warren_error: { code: 'not_found', details: { name: 'web' } },
    });
  });

  test('can be cancelled when they say so, and only then', async () => {
    const { operations } = registry();
    const stubborn = operations.start({ ...spec, work: untilAborted });
    expect(() => {
      stubborn.cancel();
    }).toThrow(/cannot be interrupted/);
    const willing = operations.start({ ...spec, cancellable: true, work: untilAborted });
    willing.cancel();
    await willing.finished;
    expect(willing.status).toBe('Cancelled');
    expect(() => {
      willing.cancel();
    }).toThrow(/Cannot find operation/);
    await operations.close(1000);
    expect(stubborn.status).toBe('Cancelled');
  });

  test('that end well although they were cancelled have ended well', async () => {
    const { operations } = registry();
    const operation = operations.start({
      ...spec,
      cancellable: true,
      work: async () => {
        await sleep(20);
        return undefined;
      },
    });
    await sleep(1);
    operation.cancel();
    await operation.finished;
    expect(operation.status).toBe('Success');
  });

  test('can be waited for, with a limit and after their end', async () => {
    const { operations } = registry();
    const operation = operations.start({
      ...spec,
      work: async () => {
        await sleep(60);
        return undefined;
      },
    });
    expect((await operations.wait(operation.id, 0)).status).toBe('Running');
    expect((await operations.wait(operation.id, 5)).status).toBe('Running');
    expect((await operations.wait(operation.id, undefined)).status).toBe('Success');
    expect((await operations.wait(operation.id, undefined)).status).toBe('Success');
  });

  test('are kept for a while after their end and then forgotten', async () => {
    const { operations } = registry(50);
    const operation = operations.start({ ...spec, work: () => Promise.resolve(undefined) });
    await operation.finished;
    expect(operations.list()).toHaveLength(1);
    await sleep(80);
    expect(operations.list()).toHaveLength(0);
    expect(() => operations.get(operation.id)).toThrow(/Cannot find operation/);
  });

  test('tell of progress as text, not too often, and always the last', async () => {
    const { operations, seen } = registry();
    const operation = operations.start({
      ...spec,
      work: async ({ progress }) => {
        for (let percent = 0; percent <= 100; percent++) {
          progress({ stage: 'unpacking', percent });
        }
        await sleep(150);
        return undefined;
      },
    });
    await operation.finished;
    const told = seen.filter(
      ({ status, metadata }) => status === 'Running' && 'progress' in metadata,
    );
    expect(told.length).toBeLessThan(5);
    expect(told.at(-1)?.metadata).toMatchObject({
      download_progress: 'unpacking: 100%',
      progress: { stage: 'unpacking', percent: '100' },
    });
  });

  test('tell of progress though the clock is set back meanwhile', async () => {
    const { operations, seen } = registry();
    const told = (stage: string): boolean =>
      seen.some(({ metadata }) => metadata['download_progress'] === stage);
    const operation = operations.start({
      ...spec,
      work: async ({ progress }) => {
        progress({ stage: 'unpacking' });
        await expect.poll(() => told('unpacking')).toBe(true);
        vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 });
        progress({ stage: 'packing' });
        await expect.poll(() => told('packing')).toBe(true);
        return undefined;
      },
    });
    await operation.finished.finally(() => vi.useRealTimers());
    expect(operation.failure).toBeUndefined();
  });
});
