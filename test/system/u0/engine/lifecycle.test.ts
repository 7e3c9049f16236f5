import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { freezeInstance } from '../../../../src/engine/instances/freeze.ts';
import { getInstance, listInstances } from '../../../../src/engine/instances/list.ts';
import { renameInstance } from '../../../../src/engine/instances/rename.ts';
import { restartInstance } from '../../../../src/engine/instances/restart.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { applyNetworks } from '../../../../src/engine/networks/bridges.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { networkPlaces } from '../../../../src/network/places.ts';
import {
  create,
  launch,
  layEmptyGround,
  remove,
  shell,
  takeCensus,
  until,
  type Census,
  type Ground,
  type Life,
} from './ground.ts';

let ground: Ground;
let life: Life;
let before: Census;

beforeAll(async () => {
  ({ ground, life, empty: before } = await layEmptyGround());
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

beforeEach(() => {
  life.events.length = 0;
});

afterEach(async () => {
  for (const { name } of listInstances(life.deps)) await remove(life, name);
  await expect.poll(() => takeCensus(ground, life), { timeout: 15_000 }).toEqual(before);
  expect(life.problems).toEqual([]);
});

const status = (name: string): string => statusOf(life.deps, getInstance(life.deps, name));
const initOf = (name: string): number => getInstance(life.deps, name).run?.init.pid ?? 0;
const stop = (name: string, force: boolean): Promise<void> =>
  stopInstance(life.deps, { name, force, timeoutMs: undefined }, unattended);
const isGone = (name: string): boolean => life.deps.store.instances.find(name) === undefined;
const actions = (): string[] => life.events.map(({ action }) => action);

describe('a machine', () => {
  it('is created, started, used and stopped as it wishes', async () => {
    await create(life, 'web');
    expect(status('web')).toBe('Stopped');
    await startInstance(life.deps, { name: 'web' }, unattended);
    expect(status('web')).toBe('Running');
    const { output } = await shell(life, 'web', 'hostname; id -u; grep -c web /etc/hosts');
    expect(output).toBe('web\n0\n1\n');
    await stop('web', false);
    expect(status('web')).toBe('Stopped');
    expect(getInstance(life.deps, 'web').lastExit).toEqual({ kind: 'halted' });
    expect(actions()).toEqual(['instance-created', 'instance-started', 'instance-stopped']);
  });

  it('keeps its files from one run to the next', async () => {
    await launch(life, 'web');
    await shell(life, 'web', 'echo kept >/root/note');
    await stop('web', true);
    expect(getInstance(life.deps, 'web').lastExit).toEqual({ kind: 'killed' });
    await startInstance(life.deps, { name: 'web' }, unattended);
    expect(await shell(life, 'web', 'cat /root/note')).toEqual({ status: 0, output: 'kept\n' });
  });

  it('that reboots from inside comes back as a new run, even an ephemeral one', async () => {
    await launch(life, 'web', { ephemeral: true });
    const old = initOf('web');
    await shell(life, 'web', 'reboot -f');
    await until('it runs again', () => status('web') === 'Running' && initOf('web') !== old);
    expect((await shell(life, 'web', 'hostname')).output).toBe('web\n');
    expect(actions()).toContain('instance-restarted');
  });

  it('that powers off from inside is stopped', async () => {
    await launch(life, 'web');
    await shell(life, 'web', 'poweroff -f');
    await until('its end is recorded', () => getInstance(life.deps, 'web').run === undefined);
    expect(status('web')).toBe('Stopped');
    expect(getInstance(life.deps, 'web').lastExit).toEqual({ kind: 'halted' });
    expect(actions()).toContain('instance-shutdown');
  });

  it('whose init is killed has crashed', async () => {
    await launch(life, 'web');
    process.kill(initOf('web'), 'SIGKILL');
    await until('its end is recorded', () => getInstance(life.deps, 'web').run === undefined);
    expect(getInstance(life.deps, 'web').lastExit).toEqual({ kind: 'crashed', detail: 'signal 9' });
  });

  it('is known on its network by the name it has now, and forgotten with it', async () => {
    const hosts = (): string =>
      readFileSync(`${networkPlaces(ground.paths).runDir}/warrenbr0.hosts`, 'utf8');
    await launch(life, 'old');
    const { config } = getInstance(life.deps, 'old');
    const hwaddr = config['volatile.eth0.hwaddr'] ?? '';
    expect(hosts()).toBe(`${hwaddr},old\n`);
    await stop('old', true);
    await renameInstance(life.deps, { name: 'old', newName: 'new' }, unattended);
    await startInstance(life.deps, { name: 'new' }, unattended);
    expect(hosts()).toBe(`${hwaddr},new\n`);
    await applyNetworks(life.deps);
    expect(hosts()).toBe(`${hwaddr},new\n`);
    await remove(life, 'new');
    expect(hosts()).toBe('');
  });

  it('that is frozen is thawed and stopped as it wishes', async () => {
    await launch(life, 'web');
    await freezeInstance(life.deps, { name: 'web' }, unattended);
    expect(status('web')).toBe('Frozen');
    await stop('web', false);
    expect(getInstance(life.deps, 'web').lastExit).toEqual({ kind: 'halted' });
  });

  it('that is frozen can be killed, and is not frozen for ever', async () => {
    await launch(life, 'web');
    await freezeInstance(life.deps, { name: 'web' }, unattended);
    await stop('web', true);
    expect(status('web')).toBe('Stopped');
    await startInstance(life.deps, { name: 'web' }, unattended);
    expect(status('web')).toBe('Running');
  });
});

describe('a forced stop', () => {
  // Busybox takes two seconds for a gentle one.
  const isStopping = (): boolean => status('web') === 'Stopping';

  it.each([false, true])(
    'overtakes a gentle one, and both succeed (ephemeral: %s)',
    async (gone) => {
      await launch(life, 'web', { ephemeral: gone });
      const gentle = stop('web', false);
      await until('it is stopping', isStopping);
      await stop('web', true);
      await gentle;
      expect(actions().filter((action) => action === 'instance-stopped')).toHaveLength(1);
      expect(isGone('web')).toBe(gone);
      if (!gone) expect(getInstance(life.deps, 'web').lastExit).toEqual({ kind: 'killed' });
    },
  );

  it('overtakes a restart, and the machine stays stopped', async () => {
    await launch(life, 'web');
    const restart = restartInstance(
      life.deps,
      { name: 'web', force: false, timeoutMs: undefined },
      unattended,
    );
    await until('it is stopping', isStopping);
    await stop('web', true);
    await restart;
    expect(status('web')).toBe('Stopped');
  });

  it('of a machine that is stopped is refused', async () => {
    await create(life, 'web');
    await expect(stop('web', true)).rejects.toMatchObject({ code: 'wrong_state' });
  });
});

describe('an ephemeral machine is deleted', () => {
  it('when it is stopped', async () => {
    await launch(life, 'brief', { ephemeral: true });
    await stop('brief', true);
    expect(isGone('brief')).toBe(true);
    expect(actions().slice(-2)).toEqual(['instance-stopped', 'instance-deleted']);
  });

  it('when it powers off from inside', async () => {
    await launch(life, 'brief', { ephemeral: true });
    await shell(life, 'brief', 'poweroff -f');
    await until('it is gone', () => isGone('brief'));
  });
});
