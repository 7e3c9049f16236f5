import { afterAll, beforeAll, expect, test } from 'vitest';

import { catalogue, WarrenError } from '../../src/contract/errors.ts';
import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';
import { cli, runProgram } from '../helpers/warren.ts';

/* What becomes of what its place does not take. */
let line: CommandLine;

beforeAll(async () => {
  line = await openCommandLine();
  const launched = await line.run(['launch', 'base', 'web', '-p', 'strict']);
  expect(launched).toMatchObject({ exitCode: 0 });
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
});

const inShell = (text: string) =>
  runProgram('bash', ['-c', `warren() { '${process.execPath}' '${cli}' "$@"; }; ${text}`], {
    env: { WARREN_DIR: line.daemon.dir },
  });

const full = 'error: Cannot write the answer: no space left on the device\n' + 'try:   df -h .\n';

test.each([
  ['list', full],
  ['exec web -- echo all', full],
  // What the machine says on standard error is lost, and so is what could be said of it.
  ['exec web -- sh -c "echo all >&2" 2>/dev/full', ''],
])('a full disk is told of, and the exit code tells in any case: %s', async (words, stderr) => {
  const result = await inShell(`warren ${words} >/dev/full`);
  expect(result).toMatchObject({ exitCode: catalogue.no_space.exit, stderr });
});

test('that nobody reads any more is no error', async () => {
  const text = 'warren exec web -- echo all | true; echo "${PIPESTATUS[0]}"';
  expect(await inShell(text)).toMatchObject({ stdout: '0\n', stderr: '' });
});

test('a path that cannot be copied beside a machine that runs wants it stopped', async () => {
  const { storage } = line.daemon.context.engine;
  const copyUpper = storage.copyUpper.bind(storage);
  const refused = new WarrenError('hostile', { what: 'copy it', found: 'it is too deep' });
  Object.assign(storage, { copyUpper: () => Promise.reject(refused) });
  expect(await line.run(['snapshot', 'web'])).toMatchObject({
    exitCode: catalogue.hostile.exit,
    stderr:
      'error: Cannot copy what web has written while it runs: it is too deep\n' +
      'try:   warren stop web    (then it need not be copied)\n',
  });
  Object.assign(storage, { copyUpper });
});
