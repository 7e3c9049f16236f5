import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import { WarrenError } from '../../src/contract/errors.ts';
import { getInstance } from '../../src/engine/instances/list.ts';
import { statusOf } from '../../src/engine/instances/state.ts';
import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';

let line: CommandLine;
beforeAll(async () => {
  line = await openCommandLine();
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
});

test('publish --force stops what runs, even an ephemeral machine, and starts it again', async () => {
  const { engine } = line.daemon.context;
  await line.run(['launch', 'base', 'web', '--ephemeral']);
  const plain = await line.run(['publish', 'web', '--alias', 'no']);
  expect(plain.stderr).toContain('Cannot publish web: it is running, wanted stopped');
  const init = getInstance(engine, 'web').run?.init.pid;
  const { exitCode, stdout } = await line.run(['publish', 'web', '--force', '--alias', 'golden']);
  expect({ exitCode, stdout }).toEqual({
    exitCode: 0,
    stdout: expect.stringMatching(/^golden is an image/) as string,
  });
  const after = getInstance(engine, 'web');
  expect(statusOf(engine, after)).toBe('Running');
  expect(after.run?.init.pid).not.toBe(init);
});

test('what kept it from being published is said, though it cannot be started again either', async () => {
  const { engine } = line.daemon.context;
  await line.run(['launch', 'base', 'db']);
  const mountRoot = vi.spyOn(engine.storage, 'mountRoot').mockImplementationOnce(() => {
    engine.live.goingDown = true;
    return Promise.reject(new WarrenError('no_space', { what: 'publish db', where: '/data' }));
  });
  const { stderr } = await line.run(['publish', 'db', '--force']);
  engine.live.goingDown = false;
  mountRoot.mockRestore();
  expect(stderr).toContain('Cannot publish db: no space');
  expect(statusOf(engine, getInstance(engine, 'db'))).toBe('Stopped');
});
