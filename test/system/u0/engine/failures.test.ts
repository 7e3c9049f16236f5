import { existsSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { getInstance, listInstances } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { restoreSnapshot } from '../../../../src/engine/snapshots/restore.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { Fault } from './faults.ts';
import {
  create,
  launch,
  layGround,
  remove,
  settle,
  shell,
  takeCensus,
  type Census,
  type Ground,
  type Life,
} from './ground.ts';

let ground: Ground;
let life: Life;
let stopped: Census;
const fault = new Fault();

/** Everything a start does outside the database, for a machine that needs all of it. */
const startEffects = [
  'storage.mountRoot',
  'storage.plainDirectory',
  'storage.plainDirectory 2',
  'storage.plainDirectory 3',
  'runtime.create',
  'keeper.store',
  'keeper.store 2',
  'networks.apply',
  'networks.attach',
  'runtime.start',
  'networks.addProxy',
];

beforeAll(async () => {
  ground = await layGround();
  life = await ground.begin(fault.gate);
  const socket = `unix:${ground.paths.runtimeDir}/web.socket`;
  await create(life, 'web', {
    config: { 'security.nesting': 'true' },
    devices: {
      port: { type: 'proxy', listen: socket, connect: 'tcp:127.0.0.1:80' },
      eth0: { type: 'nic', network: 'warrenbr0', name: 'eth0', 'ipv4.address': fixedAddress(life) },
    },
  });
  await start();
  await stop();
  await settle(ground, life);
  stopped = await takeCensus(ground, life);
});

afterAll(async () => {
  fault.arm();
  await ground[Symbol.asyncDispose]();
});

beforeEach(() => {
  fault.arm();
  life.events.length = 0;
  life.problems.length = 0;
});

/** An address of the default network that its pool gives out last. */
function fixedAddress({ deps }: Life): string {
  const gateway = deps.store.networks.find('warrenbr0')?.config['ipv4.address'] ?? '';
  return gateway.replace(/\.\d+\/\d+$/, '.250');
}

const start = (signal = unattended.signal): Promise<void> =>
  startInstance(life.deps, { name: 'web' }, { ...unattended, signal });
const stop = (): Promise<void> =>
  stopInstance(life.deps, { name: 'web', force: true, timeoutMs: undefined }, unattended);

async function expectNothing(): Promise<void> {
  await expect.poll(() => takeCensus(ground, life), { timeout: 15_000 }).toEqual(stopped);
  expect(existsSync(`${ground.paths.runtimeDir}/web.socket`)).toBe(false);
  const record = getInstance(life.deps, 'web');
  expect(record.run).toBeUndefined();
  expect(record.config['volatile.last_state.power']).toBe('STOPPED');
  expect(statusOf(life.deps, record)).toBe('Stopped');
  expect(life.deps.live.find(record.id)).toBeUndefined();
  expect(life.events).toEqual([]);
  expect(life.problems).toEqual([]);
}

describe('a start that fails leaves nothing behind', () => {
  it.each(startEffects)('at %s', async (effect) => {
    const broken = new Error('broken for the test');
    fault.arm(effect, () => {
      throw broken;
    });
    await expect(start()).rejects.toBe(broken);
    expect(fault.struck).toBe(true);
    await expectNothing();

    // What was made half is no less to be undone.
    fault.arm(effect, async (run) => {
      await run();
      throw broken;
    });
    await expect(start()).rejects.toBe(broken);
    await expectNothing();
  });

  it('when it is cancelled', async () => {
    for (const effect of ['storage.mountRoot', 'runtime.create', 'networks.attach']) {
      const cancel = new AbortController();
      fault.arm(effect, async (run) => {
        const made = await run();
        cancel.abort();
        return made;
      });
      await expect(start(cancel.signal)).rejects.toThrow();
      await expectNothing();
    }
  });

  it('and the next one works; those are all its steps', async () => {
    await start();
    expect(fault.trail).toEqual(startEffects);
    expect(await shell(life, 'web', 'hostname')).toEqual({ status: 0, output: 'web\n' });
    expect(existsSync(`${ground.paths.runtimeDir}/web.socket`)).toBe(true);
    life.events.length = 0;
    await stop();
    life.events.length = 0;
    await expectNothing();
  });
});

it('a machine without a fixed address starts without a change of the switch', async () => {
  await create(life, 'db');
  fault.arm();
  await startInstance(life.deps, { name: 'db' }, unattended);
  expect(fault.trail).not.toContain('networks.apply');
  expect(fault.trail).toContain('networks.attach');
  await remove(life, 'db');
  await settle(ground, life);
});

it('a fixed address that a restore brings back is told to the switch before another machine starts', async () => {
  const { deps } = life;
  const address = fixedAddress(life).replace('.250', '.251');
  const fixed = { type: 'nic', network: 'warrenbr0', name: 'eth0', 'ipv4.address': address };
  await create(life, 'db', { devices: { eth0: fixed } });
  await createSnapshot(deps, { instance: 'db', name: 'fixed', expiresAtMs: undefined }, unattended);
  await updateInstance(deps, { name: 'db', devices: {} }, unattended);
  await launch(life, 'api');
  await stopInstance(deps, { name: 'api', force: true, timeoutMs: undefined }, unattended);

  await restoreSnapshot(deps, { instance: 'db', name: 'fixed' }, unattended);
  fault.arm();
  await startInstance(deps, { name: 'api' }, unattended);
  expect(fault.trail).toContain('networks.apply');
  for (const name of ['api', 'db']) await remove(life, name);
  await settle(ground, life);
});

describe('a creation that fails leaves nothing behind', () => {
  it('at storage.createUpper', async () => {
    const broken = new Error('broken for the test');
    for (const strike of [
      () => {
        throw broken;
      },
      async (run: () => unknown) => {
        await run();
        throw broken;
      },
    ]) {
      fault.arm('storage.createUpper', strike);
      await expect(create(life, 'db')).rejects.toBe(broken);
      expect(listInstances(life.deps).map(({ name }) => name)).toEqual(['web']);
      expect(await takeCensus(ground, life)).toEqual(stopped);
    }
    expect(life.problems).toEqual([]);
  });
});

it('a copy of a running machine that is cancelled once its files are there leaves no layer', async () => {
  await launch(life, 'db');
  const { layers } = await takeCensus(ground, life);
  const cancel = new AbortController();
  fault.arm('storage.copyUpper', async (run) => {
    const layer = await run();
    cancel.abort();
    return layer;
  });
  const source = { type: 'copy', instance: 'db', instanceOnly: true } as const;
  await expect(create(life, 'db2', { source }, cancel.signal)).rejects.toThrow();
  expect(fault.struck).toBe(true);
  expect((await takeCensus(ground, life)).layers).toEqual(layers);
  await remove(life, 'db');
  await settle(ground, life);
});

describe('an end is recorded whatever fails on the way', () => {
  it.each(['networks.detach', 'storage.unmountRoot'])(
    'at %s, and what is left goes with the machine',
    async (effect) => {
      await launch(life, 'db', {
        devices: {
          port: {
            type: 'proxy',
            listen: `unix:${ground.paths.runtimeDir}/db.socket`,
            connect: 'tcp:127.0.0.1:80',
          },
        },
      });
      fault.arm(effect, () => {
        throw new Error('broken for the test');
      });
      await stopInstance(life.deps, { name: 'db', force: true, timeoutMs: undefined }, unattended);
      expect(fault.struck).toBe(true);
      expect(life.problems).toHaveLength(1);
      expect(getInstance(life.deps, 'db').lastExit).toEqual({ kind: 'killed' });
      await remove(life, 'db');
      await settle(ground, life);
      expect(await takeCensus(ground, life)).toEqual(stopped);
    },
  );
});
