import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { catalogue } from '../../src/contract/errors.ts';
import { openHost, type Host } from '../helpers/host.ts';
import { needs } from '../helpers/needs.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'policies');

describe('a host with a policy', () => {
  let host: Host;

  beforeAll(async () => {
    host = await openHost();
    // So that the administrator's mounts reach warren, as they do from a host that systemd booted.
    await host.asRoot('mount --make-rshared /');
    await host.ok('launch', 'busybox', 'a');
  });
  afterAll(async () => {
    await host[Symbol.asyncDispose]();
  });

  /** Lays one of root's policies where it holds, or takes the last away. */
  const lay = (name: string): Promise<string> =>
    host.asRoot(`mount --bind /etc/warren/${name} /etc/warren`);
  const lift = (): Promise<string> => host.asRoot('umount /etc/warren');
  const refused = async (words: readonly string[], message: RegExp): Promise<void> => {
    const { exitCode, stderr } = await host.warren(...words);
    expect({ exitCode, stderr }).toEqual({
      exitCode: catalogue.policy.exit,
      stderr: expect.stringMatching(message) as string,
    });
    expect(stderr).toMatch(
      /\(the administrator's \/etc\/warren\/policy\.yaml\)\ntry: {3}warren help policy\n$/,
    );
  };

  test('holds the next thing that is done to it, without a restart, and says so', async () => {
    expect(await host.ok('info')).not.toMatch(/policy/);
    await lay('rules');
    expect(await host.ok('info')).toMatch(
      /policy +2 machines; denies security\.nesting; paths \/srv \(\/etc\//,
    );
    expect(await host.ok('doctor', 'policy')).toMatch(/policy: 2 machines; /);
    await host.ok('init', 'busybox', 'b');
    await refused(
      ['init', 'busybox', 'c'],
      /^error: Cannot create c: 3 machines are too many, machines allows 2/,
    );
    await refused(
      ['config', 'set', 'b', 'security.nesting=true'],
      /config\.security\.nesting: not allowed/,
    );
    await refused(
      ['config', 'device', 'add', 'b', 'home', 'disk', `source=${host.dir}`, 'path=/mnt/x'],
      /devices\.home\.source: "\S+" is not allowed, devices\.paths allows only \/srv/,
    );
    await host.ok('delete', 'b');
    // What runs goes on, and so does everything once the rules are gone.
    expect(await host.ok('exec', 'a', '--', 'echo', 'here')).toBe('here\n');
    await lift();
    await host.ok('config', 'set', 'a', 'security.nesting=false');
  });

  test('holds a ceiling only by a limit that the kernel holds', async () => {
    await lay('memory');
    await host.ok(
      'init',
      'busybox',
      'b',
      '-c',
      'limits.memory=64MiB',
      '-c',
      'warren.limits.missing=warn',
    );
    const { exitCode, stderr } = await host.warren('start', 'b');
    if (exitCode !== 0) {
      expect(stderr).toMatch(
        /Cannot hold b to limits\.memory=64MiB: .* does not delegate the memory/,
      );
    } else expect(await host.ok('info', 'b')).toMatch(/memory .* of 64 MiB/);
    await host.ok('delete', '--force', 'b');
    await lift();
  });

  test.each([
    ['damaged', /machine: unknown; the nearest is "machines"/],
    ['writable', /others may write to \/etc\/warren\/policy\.yaml \(mode 666\), wanted root alone/],
    ['shared', /others may write to \/etc\/warren \(mode 777\), wanted root alone/],
    ['unreadable', /\/etc\/warren\/policy\.yaml cannot be read by you, wanted mode 0644/],
    ['link', /\/etc\/warren\/policy\.yaml cannot be looked at/],
    ['mine', /\/etc\/warren belongs to user 0, wanted root/],
  ])('refuses everything under a policy that is %s', async (name, problem) => {
    if (name !== 'mine') await lay(name);
    else {
      const own = join(host.dir, 'own');
      mkdirSync(own);
      writeFileSync(join(own, 'policy.yaml'), '');
      await host.asRoot(`mount --bind ${own} /etc/warren`);
    }
    await refused(['init', 'busybox', 'b'], problem);
    await refused(['config', 'set', 'a', 'user.x=1'], problem);
    expect(await host.ok('info')).toMatch(/policy +cannot be relied on/);
    const doctor = await host.warren('doctor', 'policy');
    expect(doctor).toMatchObject({ exitCode: catalogue.host_lacks.exit });
    expect(doctor.stdout).toMatch(/nothing is made or started[^]*cannot run machines here/);
    expect(await host.ok('list', '--format', 'csv')).toMatch(/^a,/);
    await lift();
    await host.ok('config', 'set', 'a', 'user.x=1');
  });
});
