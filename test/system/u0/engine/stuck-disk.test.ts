import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { checkSources } from '../../../../src/engine/instances/disks.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { until } from './ground.ts';
import { useEngine } from './test-engine.ts';

const test = needs('fuse');
const engine = useEngine();
const dir = mkdtempSync(join(tmpdir(), 'wstuck-'));
const source = join(dir, 'fuse');
let server: ChildProcess;

beforeAll(async () => {
  for (const name of ['fuse', 'lower', 'upper', 'work']) mkdirSync(join(dir, name));
  const layers = `lowerdir=${dir}/lower,upperdir=${dir}/upper,workdir=${dir}/work,timeout=0`;
  server = spawn('fuse-overlayfs', ['-f', '-o', layers, source], { stdio: 'ignore' });
  await until('it is mounted', () =>
    readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${source} `),
  );
});

afterAll(async () => {
  server.kill('SIGKILL');
  await once(server, 'exit');
  execFileSync('umount', ['--lazy', source]);
  execFileSync('rm', ['-rf', dir]);
});

describe('a disk device on a file system whose server has stopped', () => {
  const devices = { shared: { type: 'disk', source, path: '/srv' } };

  test('is told so, however often it is asked for, and holds up nothing else', async () => {
    await engine.create('web');
    await updateInstance(engine.deps, { name: 'web', mode: 'merge', devices }, unattended);
    server.kill('SIGSTOP');
    const problem = expect.stringMatching(/does not answer/) as string;
    const refused = { details: { issues: [{ path: 'devices.shared.source', problem }] } };
    const asked = Array.from({ length: 6 }, () =>
      checkSources(engine.deps, 'change web', {}, devices),
    );
    for (const outcome of await Promise.allSettled([...asked, engine.start('web')])) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: refused });
    }
    expect(await readFile('/proc/self/comm', 'utf8')).not.toBe('');
    expect(statusOf(engine.deps, getInstance(engine.deps, 'web'))).toBe('Stopped');

    server.kill('SIGCONT');
    await engine.start('web');
    expect((await engine.shell('web', 'grep -c " /srv " /proc/mounts')).output).toBe('1\n');
  });

  test('is left out where it is not required', async () => {
    const optional = { shared: { ...devices.shared, required: 'false' } };
    server.kill('SIGSTOP');
    await engine.launch('web');
    await updateInstance(
      engine.deps,
      { name: 'web', mode: 'merge', devices: optional },
      unattended,
    );
    expect((await engine.shell('web', 'grep -c " /srv " /proc/mounts')).output).toBe('0\n');
    server.kill('SIGCONT');
  });
});
