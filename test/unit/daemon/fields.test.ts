import { describe, expect, test } from 'vitest';

import { Fields } from '../../../src/daemon/http/fields.ts';

const read = (body: unknown): Fields => new Fields('change web', body);

describe('fields', () => {
  test('null is the same as absent', () => {
    const fields = read({ name: null, config: null, profiles: null, ephemeral: null });
    expect(fields.string('name')).toBeUndefined();
    expect(fields.stringMap('config')).toBeUndefined();
    expect(fields.strings('profiles')).toBeUndefined();
    expect(fields.boolean('ephemeral')).toBeUndefined();
    fields.done();
  });

  test('numbers and booleans of a config become texts', () => {
    expect(read({ config: { 'limits.cpu': 2, a: true, b: null } }).stringMap('config')).toEqual({
      'limits.cpu': '2',
      a: 'true',
      b: '',
    });
  });

  test('empty keys of devices are dropped', () => {
    const devices = read({ devices: { eth0: { type: 'nic', hwaddr: '' } } }).deviceMap('devices');
    expect(devices).toEqual({ eth0: { type: 'nic' } });
  });

  test('the zero time means never', () => {
    const fields = read({ a: '0001-01-01T00:00:00Z', b: '2030-01-01T00:00:00Z', c: '' });
    expect(fields.time('a')).toBeNull();
    expect(fields.time('b')).toBe(Date.UTC(2030, 0, 1));
    expect(fields.time('c')).toBeUndefined();
  });

  test('every issue is told at once, with its path', () => {
    const fields = read({ name: 1, config: [], devices: { eth0: 'x' }, source: { alias: {} } });
    fields.string('name');
    fields.stringMap('config');
    fields.deviceMap('devices');
    fields.object('source')?.string('alias');
    fields.requiredString('missing');
    expect(() => {
      fields.done();
    }).toThrow(/name: .*config: .*devices\.eth0: .*source\.alias: .*missing: is missing/);
  });

  test.each([undefined, null, [], 'x', 1])('a body of %j is refused', (body) => {
    expect(() => read(body)).toThrow('Cannot change web');
  });

  test('inherited names are not there', () => {
    expect(read({}).has('constructor')).toBe(false);
    expect(read({}).has('toString')).toBe(false);
  });
});
