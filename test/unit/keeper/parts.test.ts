import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { lineSplitter } from '../../../src/engine/keeper/lines.ts';
import { daemonEnvironment } from '../../../src/keeper/environment.ts';
import { parseRequest } from '../../../src/keeper/request.ts';

describe('a request', () => {
  it('is taken with its fields and nothing else', () => {
    const store = { id: 1, type: 'store', name: 'web', kind: 'console', fd: 20 };
    expect(parseRequest({ ...store, more: 1 })).toEqual(store);
    expect(parseRequest({ id: 2, type: 'hello', pid: 5 })).toEqual({
      id: 2,
      type: 'hello',
      pid: 5,
    });
  });

  it.each([
    null,
    'hello',
    [],
    { type: 'hello', pid: 1 },
    { id: 1, type: 'hello' },
    { id: -1, type: 'shutdown' },
    { id: 1, type: 'store', name: '', kind: 'plain', fd: 3 },
    { id: 1, type: 'store', name: 'x'.repeat(257), kind: 'plain', fd: 3 },
    { id: 1, type: 'store', name: 'x', kind: 'socket', fd: 3 },
    { id: 1, type: 'store', name: 'x', kind: 'plain', fd: 1.5 },
    { id: 1, type: 'leaving', again: 'yes' },
    { id: 1, type: 'reboot' },
  ])('is refused when it makes no sense: %j', (message) => {
    expect(parseRequest(message)).toBeUndefined();
  });

  it('is found in any JSON or not, without failing', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        parseRequest(value);
      }),
    );
  });
});

describe('the environment of the daemon', () => {
  it('is the keeper’s without what systemd told the keeper', () => {
    expect(
      daemonEnvironment({
        HOME: '/home/anna',
        NOTIFY_SOCKET: '/run/n',
        LISTEN_FDS: '1',
        LISTEN_PID: '2',
        WATCHDOG_USEC: '3',
        JOURNAL_STREAM: '4:5',
        SYSTEMD_EXEC_PID: '6',
        UNSET: undefined,
      }),
    ).toEqual({ HOME: '/home/anna' });
  });
});

describe('lines', () => {
  it('come out whole, whatever the chunks', () => {
    const text = fc.array(
      fc.string().filter((s) => !s.includes('\n') && s !== ''),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (lines, cuts) => {
        const whole = lines.map((line) => `${line}\n`).join('');
        const seen: string[] = [];
        const push = lineSplitter((line) => seen.push(line));
        let at = 0;
        for (const cut of [...cuts].sort((a, b) => a - b)) {
          if (cut <= at) continue;
          push(whole.slice(at, cut));
          at = cut;
        }
        push(whole.slice(at));
        expect(seen).toEqual(lines);
      }),
    );
  });
});
