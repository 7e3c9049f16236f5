import { tmpdir } from 'node:os';
import { mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { describeFailure } from '../../../src/contract/host.ts';
import { WarrenError } from '../../../src/contract/errors.ts';
import { pathsIn } from '../../../src/contract/paths.ts';
import type { User } from '../../../src/host/account.ts';
import { networkFileSystem, prepareDirectories } from '../../../src/host/directories.ts';
import { keeperEnvironment } from '../../../src/host/environment.ts';
import { serviceName, transientName, unitText } from '../../../src/host/unit.ts';
import {
  addGrantsCommand,
  explainGrants,
  explainMapping,
  explainSettings,
  highestGranted,
} from '../../../src/userns/explain.ts';

const user: User = {
  name: 'anna',
  uid: 1000,
  gid: 1000,
  home: '/home/anna',
  runUserDir: '/run/user/1000',
};
const usual = pathsIn('/home/anna/.local/share/warren', '/run/user/1000/warren');

describe('file systems', () => {
  it('on the network are known by their type, also as a signed number', () => {
    expect(networkFileSystem(0x6969)).toBe('NFS');
    expect(networkFileSystem(0xff534d42 | 0)).toBe('CIFS');
  });

  it('of this host’s temporary directory is not one of them', () => {
    expect(networkFileSystem(statfsSync(tmpdir()).type)).toBeUndefined();
  });
});

describe('the directories', () => {
  it.each([
    ['/proc', '/proc/warren cannot be made there (its file system makes no directories)'],
    ['/dev/null', '/dev/null/warren/data cannot be made there (what is above it is no directory)'],
  ])('are refused at once where there can be none: %s', (place, found) => {
    const prepare = () => {
      prepareDirectories(pathsIn(`${place}/warren/data`, `${place}/warren/run`), user.uid);
    };
    expect(prepare).toThrow(`Cannot use ${place}/warren/data: ${found}`);
  });

  it('are made with those above them, for their user alone', () => {
    const place = mkdtempSync(`${tmpdir()}/warren-test-`);
    try {
      prepareDirectories(pathsIn(`${place}/a/data`, `${place}/b/run`), process.geteuid?.() ?? 0);
      for (const name of ['a', 'a/data', 'b/run']) {
        expect(statSync(`${place}/${name}`).mode & 0o777, name).toBe(0o700);
      }
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});

describe('the environment of the keeper', () => {
  it('holds what is meant for it and nothing of the caller’s shell', () => {
    const env = keeperEnvironment(
      {
        PATH: '/home/anna/bin',
        LD_PRELOAD: '/x.so',
        NODE_OPTIONS: '--inspect',
        NOTIFY_SOCKET: '/n',
        https_proxy: 'http://proxy:3128',
        WARREN_DIR: '/w',
      },
      user,
      usual,
      undefined,
    );
    expect(env).toMatchObject({
      https_proxy: 'http://proxy:3128',
      WARREN_DIR: '/w',
      HOME: '/home/anna',
      XDG_RUNTIME_DIR: '/run/user/1000',
      WARREN_DATA_DIR: usual.dataDir,
      WARREN_RUNTIME_DIR: usual.runtimeDir,
    });
    expect(env['PATH']).not.toContain('/home/anna');
    for (const name of ['LD_PRELOAD', 'NODE_OPTIONS', 'NOTIFY_SOCKET', 'WARREN_CGROUP_DIR']) {
      expect(env).not.toHaveProperty(name);
    }
  });
});

describe('the user unit', () => {
  it('is named for its directories', () => {
    expect(serviceName(usual)).toBe('warren.service');
    expect(transientName(usual)).toBe('warren-transient.service');
    const own = pathsIn('/srv/w', '/srv/w');
    expect(serviceName(own)).toMatch(/^warren-[0-9a-f]{8}\.service$/);
    expect(serviceName(own)).not.toBe(serviceName(pathsIn('/srv/v', '/srv/v')));
  });

  it('leaves machines alone when it stops and quotes what systemd would read', () => {
    const text = unitText({ env: {}, user, paths: usual, binDir: '/opt/100% "$HOME"/bin' });
    expect(text).toContain('KillMode=process\n');
    expect(text).toContain('PIDFile=/run/user/1000/warren/keeper.pid\n');
    expect(text).toContain('"/opt/100%% \\"$$HOME\\"/bin/warren-host.js" "start" "--as-service"');
  });

  it('refuses a path that would become a line of its own', () => {
    expect(() =>
      unitText({ env: {}, user, paths: usual, binDir: '/opt\nExecStartPre=/bin/evil' }),
    ).toThrow('control character');
  });
});

describe('explanations', () => {
  it('name the setting that forbids user namespaces and the line that allows them', () => {
    const none = { clone: undefined, max: undefined, appArmor: undefined };
    expect(explainSettings({ ...none, max: '15000', clone: '1', appArmor: '0' })).toBeUndefined();
    expect(explainSettings({ ...none, clone: '0' })?.hint).toBe(
      'sudo sysctl -w kernel.unprivileged_userns_clone=1',
    );
    expect(explainSettings({ ...none, max: '0' })?.hint).toContain('max_user_namespaces=15000');
    expect(explainSettings({ ...none, appArmor: '1' })?.message).toContain('AppArmor');
  });

  it('propose a range that nobody has', () => {
    const highest = highestGranted('root:1:2\nben:100000:65536\n# comment\n', 'ben:200000:10\n');
    expect(highest).toBe(200_009);
    expect(addGrantsCommand('anna', highest)).toBe(
      'sudo usermod --add-subuids 200010-265545 --add-subgids 200010-265545 anna',
    );
    const grants = { uid: [{ start: 1, count: 1 }], gid: [] };
    expect(explainGrants(grants, user, 5)?.hint).toBe(
      'sudo usermod --add-subgids 100000-165535 anna',
    );
    expect(explainGrants({ uid: grants.uid, gid: grants.uid }, user)).toBeUndefined();
  });

  it('tell a missing newuidmap from a refused range and from a lost setuid bit', () => {
    expect(explainMapping('newuidmap', '', user, false).hint).toBe('sudo apt install uidmap');
    const refused = 'newuidmap: uid range [1-65537) -> [1-65537) not allowed';
    expect(explainMapping('newuidmap', refused, user, true).hint).toContain('--add-subuids');
    const weak = 'newgidmap: write to gid_map failed: Operation not permitted';
    expect(explainMapping('newgidmap', weak, user, true).hint).toContain('chmod u+s');
  });
});

describe('a failure', () => {
  it('crosses to the CLI with its code and details, and anything else as a bug', () => {
    const known = new WarrenError('real_root', {});
    expect(describeFailure(known, 'l', '/w')).toEqual({
      error: { code: 'real_root', details: {} },
    });
    expect(describeFailure(new TypeError('x is y'), '/log', '/w')).toEqual({
      error: { code: 'bug', details: { message: 'x is y', log: '/log' } },
    });
    const full = Object.assign(new Error('ENOSPC: …, write'), { code: 'ENOSPC' });
    expect(describeFailure(full, '/log', '/w')).toEqual({
      error: {
        code: 'no_space',
        details: { what: 'start warren', where: '/w', hint: 'df -h /w' },
      },
    });
  });
});
