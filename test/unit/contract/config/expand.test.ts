import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { expand, visibleDevices } from '../../../../src/contract/config/expand.ts';

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor');
/** Maps are made from entries, as JSON.parse makes them, so that `__proto__` is a name. */
function record<T>(value: fc.Arbitrary<T>): fc.Arbitrary<Record<string, T>> {
  return fc
    .array(fc.tuple(name, value))
    .map((entries) => Object.fromEntries(entries) as Record<string, T>);
}
const layer = fc.record({
  config: record(fc.string()),
  devices: record(record(fc.string())),
});

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

describe('expand', () => {
  it('takes each config key and each whole device from the last layer that has it', () => {
    fc.assert(
      fc.property(fc.array(layer, { maxLength: 4 }), layer, (profiles, instance) => {
        const expanded = expand(profiles, instance);
        const layers = [...profiles, instance].reverse();
        for (const key of ['a', 'b', 'c', '__proto__', 'constructor']) {
          const config = layers.find(({ config }) => Object.hasOwn(config, key));
          const devices = layers.find(({ devices }) => Object.hasOwn(devices, key));
          expect(own(expanded.config, key)).toEqual(config && own(config.config, key));
          expect(own(expanded.devices, key)).toEqual(devices && own(devices.devices, key));
        }
      }),
    );
  });

  it('is the instance itself without profiles, and changes none of its inputs', () => {
    fc.assert(
      fc.property(layer, layer, (profile, instance) => {
        const before = structuredClone([profile, instance]);
        expect(expand([], instance)).toMatchObject(instance);
        expand([profile], instance);
        expect([profile, instance]).toEqual(before);
      }),
    );
  });

  it('may be done in steps: profiles merged beforehand give the same', () => {
    fc.assert(
      fc.property(layer, layer, layer, (first, second, instance) => {
        const merged = expand([first], second);
        const { config, devices } = expand([first, second], instance);
        expect(expand([merged], instance)).toMatchObject({ config, devices });
      }),
    );
  });

  it('keeps a device of type none, which hides the one of a profile', () => {
    const { devices } = expand(
      [
        {
          config: {},
          devices: { eth0: { type: 'nic', network: 'warrenbr0' }, root: { type: 'disk' } },
        },
      ],
      { config: {}, devices: { eth0: { type: 'none' } } },
    );
    expect(devices['eth0']).toEqual({ type: 'none' });
    expect(Object.keys(visibleDevices(devices))).toEqual(['root']);
  });
});
