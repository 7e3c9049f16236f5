import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { createInstance } from '../../../../src/engine/instances/create.ts';
import { deleteInstance } from '../../../../src/engine/instances/delete.ts';
import { execInstance } from '../../../../src/engine/instances/exec.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { readInstanceState, statusOf } from '../../../../src/engine/instances/state.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { layGround, type Ground, type Life } from './ground.ts';

let ground: Ground;
let life: Life;

beforeAll(async () => {
  ground = layGround();
  life = await ground.begin();
});
afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

describe('a busybox machine', () => {
  it('is created, started, used, stopped and deleted', async () => {
    const { deps } = life;
    expect(life.problems).toEqual([]);
    let t = performance.now();
    const lap = (what: string): void => {
      console.log(what, Math.round((performance.now() - t) * 10) / 10);
      t = performance.now();
    };
    await createInstance(
      deps,
      {
        name: 'web',
        description: '',
        config: {},
        devices: {},
        ephemeral: false,
        profiles: undefined,
        source: { type: 'image', alias: 'busybox' },
      },
      unattended,
    );
    lap('create');
    await startInstance(deps, { name: 'web' }, unattended);
    lap('start');
    const record = getInstance(deps, 'web');
    expect(statusOf(deps, record)).toBe('Running');
    const session = await execInstance(deps, {
      name: 'web',
      command: ['sh', '-c', 'hostname; cat /etc/hosts; id -u; ps'],
      environment: {},
      uid: 0,
      gid: undefined,
      cwd: undefined,
      terminal: undefined,
    });
    let out = '';
    if (session.stdio.kind === 'pipes') {
      session.stdio.stdin.end();
      session.stdio.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
      session.stdio.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
    }
    expect(await session.exited).toBe(0);
    lap('exec');
    console.log(out);
    console.log(await readInstanceState(deps, record));
    lap('state');
    await stopInstance(deps, { name: 'web', force: false, timeoutMs: undefined }, unattended);
    lap('stop');
    expect(getInstance(deps, 'web').lastExit).toEqual({ kind: 'halted' });
    await deleteInstance(deps, { name: 'web', force: false }, unattended);
    lap('delete');
    expect(life.problems).toEqual([]);
  });
});
