import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';

import { formatStep, Progress, stepOf } from '../../../src/cli/progress.ts';

class Screen extends Writable {
  columns = 60;
  text = '';
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

test('the live line says what, how far and how long', () => {
  expect(formatStep('Building', { stage: 'installing', percent: 50 }, 11_000, 100)).toBe(
    'Building   ━━━━━━━━━━━━━───────────── 50%   installing   11s',
  );
  expect(formatStep('Stopping web', {}, 1500, 80)).toBe('Stopping web   1.5s');
});

test('the bar makes room on a narrow terminal, and goes before the words do', () => {
  const step = { stage: 'installing', percent: 50 };
  expect(formatStep('Building', step, 11_000, 50)).toHaveLength(50);
  expect(formatStep('Building', step, 11_000, 39)).toBe('Building   50%   installing   11s');
});

test('nothing is drawn for what is done sooner than a person could read', async () => {
  const screen = new Screen();
  const progress = new Progress(() => screen, true);
  progress.start('Stopping web');
  await sleep(50);
  progress.stop('web is stopped');
  expect(screen.text).toBe('');
});

test('what takes longer has a line that what is true now replaces', async () => {
  const screen = new Screen();
  const progress = new Progress(() => screen, true);
  progress.start('Stopping web');
  await sleep(450);
  progress.stop('web is stopped');
  expect(screen.text).toMatch(/^\r\u001b\[KStopping web {3}0\.\ds/);
  expect(screen.text).toMatch(/\r\u001b\[Kweb is stopped\n$/);
});

test('without a terminal there is no line at all', async () => {
  const screen = new Screen();
  const progress = new Progress(() => screen, false);
  progress.start('Stopping web');
  await sleep(400);
  progress.stop('web is stopped');
  expect(screen.text).toBe('');
});

test('progress is read as the daemon and as LXD write it', () => {
  expect(stepOf({ progress: { stage: 'installing', percent: '68', speed: '' } })).toEqual({
    stage: 'installing',
    percent: 68,
  });
  expect(stepOf({ progress: { stage: 'waiting', percent: '' } })).toEqual({
    stage: 'waiting',
    percent: undefined,
  });
  expect(stepOf({ download_progress: 'rootfs: 12% (1.2MB/s)' })).toEqual({
    stage: 'rootfs: 12% (1.2MB/s)',
    percent: 12,
  });
  expect(stepOf({})).toEqual({});
});
