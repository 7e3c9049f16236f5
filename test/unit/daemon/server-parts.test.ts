import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { ensureCertificate } from '../../../src/daemon/certificate.ts';
import { EventHub } from '../../../src/daemon/events/hub.ts';
import { parseEventTypes } from '../../../src/daemon/events/socket.ts';
import { parseJson } from '../../../src/daemon/http/body.ts';
import { splitTarget } from '../../../src/daemon/http/path.ts';
import { BoundedFile, loggingMetadata } from '../../../src/daemon/log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'parts-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('certificate', () => {
  test('is made once, verifies itself and belongs to its key', () => {
    const made = ensureCertificate(dir, 'my-host');
    expect(ensureCertificate(dir, 'my-host')).toEqual(made);
    const parsed = new X509Certificate(made.pem);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(parsed.checkHost('my-host')).toBe('my-host');
    expect(parsed.fingerprint256.replaceAll(':', '').toLowerCase()).toBe(made.fingerprint);
    const key = createPrivateKey(readFileSync(join(dir, 'server.key')));
    expect(parsed.checkPrivateKey(key)).toBe(true);
    expect(statSync(join(dir, 'server.key')).mode & 0o777).toBe(0o600);
    expect(new Date(parsed.validTo).getTime()).toBeGreaterThan(Date.now() + 300 * 86_400_000);
  });

  test('is made anew when its key is gone', () => {
    const made = ensureCertificate(dir, 'my-host');
    unlinkSync(join(dir, 'server.key'));
    expect(ensureCertificate(dir, 'my-host').fingerprint).not.toBe(made.fingerprint);
  });
});

describe('log file', () => {
  test('is bounded, with one older file beside it', () => {
    const path = join(dir, 'daemon.log');
    const file = new BoundedFile(path, 1000);
    for (let line = 0; line < 200; line++) file.write(`line ${line} ${'x'.repeat(20)}\n`);
    expect(statSync(path).size).toBeLessThanOrEqual(1040);
    expect(statSync(`${path}.1`).size).toBeLessThanOrEqual(1040);
    expect(readFileSync(path, 'utf8')).toContain('line 199 ');
  });

  test('gives lines as logging events with text only', () => {
    expect(
      loggingMetadata('{"level":40,"time":1,"daemon":2,"a":"x","b":{"c":1},"msg":"hello"}'),
    ).toEqual({ level: 'warning', message: 'hello', context: { a: 'x', b: '{"c":1}' } });
  });
});

describe('event hub', () => {
  test('hands an event to whom its type is of interest', () => {
    const hub = new EventHub();
    const seen: string[] = [];
    const listening = hub.listen(new Set(['lifecycle']), (_event, frame) => seen.push(frame));
    hub.emit('lifecycle', { action: 'a' });
    hub.emit('operation', {});
    expect(hub.isWanted('operation')).toBe(false);
    listening[Symbol.dispose]();
    hub.emit('lifecycle', { action: 'b' });
    expect(seen).toHaveLength(1);
    expect(JSON.parse(seen[0] ?? '')).toMatchObject({
      type: 'lifecycle',
      metadata: { action: 'a' },
      location: 'none',
      project: 'default',
    });
  });

  test('knows its types', () => {
    expect(parseEventTypes(new URLSearchParams(''))).toEqual(
      new Set(['operation', 'lifecycle', 'logging']),
    );
    expect(parseEventTypes(new URLSearchParams('type=logging,lifecycle'))).toEqual(
      new Set(['logging', 'lifecycle']),
    );
    expect(() => parseEventTypes(new URLSearchParams('type=gossip'))).toThrow(/gossip/);
  });
});

test('a path is split before it is decoded', () => {
  expect(splitTarget('/1.0/images/aliases/test%2Fone?a=b%20c')).toMatchObject({
    segments: ['1.0', 'images', 'aliases', 'test/one'],
  });
  expect(splitTarget('/1.0/x?a=b%20c')?.query.get('a')).toBe('b c');
  expect(splitTarget('/1.0/%ff')).toBeUndefined();
  expect(splitTarget('/1.0/x?')?.segments).toEqual(['1.0', 'x']);
});

test('JSON cannot plant a prototype', () => {
  const value = parseJson('{"__proto__": {"admin": true}, "a": {"__proto__": 1}}') as object;
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect('admin' in value).toBe(false);
});
