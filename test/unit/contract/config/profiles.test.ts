import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import type { Profile } from '../../../../src/contract/api/profiles.ts';
import { validateDevices } from '../../../../src/contract/config/devices.ts';
import { expand, visibleDevices } from '../../../../src/contract/config/expand.ts';
import { effectiveLimits } from '../../../../src/contract/config/limits.ts';
import { readSeccomp } from '../../../../src/contract/config/read.ts';
import { validateConfig } from '../../../../src/contract/config/validate.ts';

const folder = join(import.meta.dirname, '../../../../profiles');
const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));

function load(name: string): Profile {
  return parse(readFileSync(join(folder, `${name}.yaml`), 'utf8')) as Profile;
}

describe('the shipped profiles', () => {
  it('are default, nesting, strict and student', () => {
    expect(files.sort()).toEqual(['default.yaml', 'nesting.yaml', 'strict.yaml', 'student.yaml']);
  });

  it.each(files)('%s has the name of its file, a description and a comment', (file) => {
    const name = basename(file, '.yaml');
    const profile = load(name);
    expect(Object.keys(profile)).toEqual(['name', 'description', 'config', 'devices']);
    expect(profile.name).toBe(name);
    expect(profile.description).not.toBe('');
    expect(readFileSync(join(folder, file), 'utf8')).toMatch(new RegExp(`^# ${name}: `));
  });

  it.each(files)('%s has only text as values, and all of it is valid', (file) => {
    const { config, devices } = load(basename(file, '.yaml'));
    for (const value of [config, ...Object.values(devices)].flatMap((map) => Object.values(map))) {
      expect(value).toBeTypeOf('string');
    }
    expect(validateConfig(config, 'profile')).toEqual([]);
    expect(validateDevices(devices)).toEqual([]);
  });

  it.each(files)('%s works alone: it brings a root disk', (file) => {
    expect(load(basename(file, '.yaml')).devices['root']).toMatchObject({
      type: 'disk',
      path: '/',
    });
  });

  it('default asks nothing of a host that delegates no controller', () => {
    const { limits, skipped } = effectiveLimits(
      expand([load('default')], { config: {}, devices: {} }),
      {
        memoryBytes: 1000,
        controllers: [],
      },
    );
    expect(limits).toEqual({});
    expect(skipped.map(({ key }) => key)).toEqual(['limits.memory', 'limits.processes']);
  });

  it('student keeps its limits, for start to refuse, on a host that delegates no controller', () => {
    const student = expand([load('default'), load('student')], { config: {}, devices: {} });
    const { limits, skipped } = effectiveLimits(student, { memoryBytes: 1000, controllers: [] });
    expect(limits).toEqual({
      memoryMaxBytes: 1024 ** 3,
      swapMaxBytes: 0,
      pidsMax: 500,
      cpuMax: { quotaUs: 100_000, periodUs: 100_000 },
    });
    expect(skipped).toEqual([]);
  });

  it('strict over default leaves no network and denies calls', () => {
    const expanded = expand([load('default'), load('strict')], { config: {}, devices: {} });
    expect(Object.keys(visibleDevices(expanded.devices))).toEqual(['root']);
    expect(readSeccomp(expanded.config).deny).toContain('io_uring_setup');
    expect(readSeccomp(expanded.config).denyDefault).toBe(true);
  });
});
