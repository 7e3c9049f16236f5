import { describe, expect, it } from 'vitest';

import { execStatus } from '../../../src/runtime/exec/exit-code.ts';
import { findOutsideId } from '../../../src/runtime/machine-facts.ts';
import { saysReady } from '../../../src/runtime/notify.ts';

describe('the status of an exec', () => {
  const end = { code: 0, signal: undefined, log: '' };

  it.each([
    ['its own', { ...end, code: 42 }, 42],
    ['255 of its own', { ...end, code: 255 }, 255],
    ['128 + n for a signal', { ...end, code: null, signal: 9 }, 137],
    [
      '127 when there is no such command',
      {
        ...end,
        code: 255,
        log: 'executable file `x` not found in $PATH: No such file or directory',
      },
      127,
    ],
    [
      '127 when its interpreter is missing',
      { ...end, code: 1, log: 'exec: No such file or directory' },
      127,
    ],
    ['1 of its own', { ...end, code: 1 }, 1],
    [
      '126 when it cannot be run',
      { ...end, code: 255, log: 'open executable: Permission denied' },
      126,
    ],
    [
      '126 when its directory is missing',
      { ...end, code: 255, log: 'chdir `/x`: No such file or directory' },
      126,
    ],
  ])('is %s', (_, ended, status) => {
    expect(execStatus(ended)).toBe(status);
  });
});

describe('a notify message', () => {
  it('says READY=1 on a line of its own', () => {
    expect(saysReady(Buffer.from('MAINPID=7\nREADY=1\nSTATUS=up'))).toBe(true);
    expect(saysReady(Buffer.from('READY=1'))).toBe(true);
    expect(saysReady(Buffer.from('STATUS=READY=1'))).toBe(false);
    expect(saysReady(Buffer.from('READY=10\nREADY=0'))).toBe(false);
    expect(saysReady(Buffer.from([0xff, 0, 0x52]))).toBe(false);
  });
});

describe('an id of a machine', () => {
  const map = [
    { containerID: 0, hostID: 100, size: 10 },
    { containerID: 1000, hostID: 0, size: 1 },
  ];

  it('is found outside through its extent, or not at all', () => {
    expect([0, 9, 10, 999, 1000, 1001].map((id) => findOutsideId(map, id))).toEqual([
      100,
      109,
      undefined,
      undefined,
      0,
      undefined,
    ]);
  });
});
