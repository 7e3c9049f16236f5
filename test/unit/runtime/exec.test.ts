import { describe, expect, it } from 'vitest';

import { execStatus } from '../../../src/runtime/exec/exit-code.ts';
import { findOutsideId } from '../../../src/runtime/machine-facts.ts';
import { saysReady } from '../../../src/runtime/notify.ts';

const noCommand = 'executable file `x` not found in $PATH: No such file or directory';
const noDirectory = 'chdir `/x`: No such file or directory';

describe('the status of an exec', () => {
  it.each([
    ['its own', 'exited', 42, '', 42],
    ['255 of its own', 'exited', 255, '', 255],
    ['1 of its own', 'exited', 1, '', 1],
    ['128 + n for a signal', 'killed', 9, '', 137],
    ['128 + n for a signal that dumped core', 'dumped', 11, '', 139],
    ['127 when there is no such command', 'exited', 255, noCommand, 127],
    ['127 when its interpreter is missing', 'exited', 1, 'exec: No such file or directory', 127],
    ['126 when it cannot be run', 'exited', 255, 'open executable: Permission denied', 126],
    ['126 when its directory is missing', 'exited', 255, noDirectory, 126],
  ] as const)('is %s', (_, kind, value, log, status) => {
    expect(execStatus({ kind, value }, log)).toBe(status);
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
