import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';

import type { StringMap } from '../../../../src/contract/api/instances.ts';
import { freezeInstance } from '../../../../src/engine/instances/freeze.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { renameInstance } from '../../../../src/engine/instances/rename.ts';
import { restartInstance } from '../../../../src/engine/instances/restart.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { stopAll } from '../../../../src/engine/instances/stop-all.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { applyNetworks } from '../../../../src/engine/networks/bridges.ts';
import { createSnapshot } from '../../../../src/engine/snapshots/create.ts';
import { restoreSnapshot } from '../../../../src/engine/snapshots/restore.ts';
import { unattended } from '../../../../src/engine/types.ts';
import { networkPlaces } from '../../../../src/network/places.ts';
import { until } from './ground.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine();

beforeEach(() => {
  engine.life.events.length = 0;
});

const status = (name: string): string => statusOf(engine.deps, getInstance(engine.deps, name));
const initOf = (name: string): number => getInstance(engine.deps, name).run?.init.pid ?? 0;
const stop = (name: string, force: boolean): Promise<void> =>
  stopInstance(engine.deps, { name, force, timeoutMs: undefined }, unattended);
const isGone = (name: string): boolean => engine.deps.store.instances.find(name) === undefined;
const actions = (): string[] => engine.life.events.map(({ action }) => action);

describe('a machine', () => {
  it('is created, started, used and stopped as it wishes', async () => {
    await engine.create('web');
    expect(status('web')).toBe('Stopped');
    await engine.start('web');
    expect(status('web')).toBe('Running');
    const { output } = await engine.shell('web', 'hostname; id -u; grep -c web /etc/hosts');
    expect(output).toBe('web\n0\n1\n');
    await stop('web', false);
    expect(status('web')).toBe('Stopped');
    expect(getInstance(engine.deps, 'web').lastExit).toEqual({ kind: 'halted' });
    expect(actions()).toEqual(['instance-created', 'instance-started', 'instance-stopped']);
  });

  it('runs commands in / where root has no home, whatever stands there instead', async () => {
    await engine.launch('web');
    const pwd = async (): Promise<string> => (await engine.shell('web', 'pwd')).output;
    expect(await pwd()).toBe('/root\n');
    await engine.shell('web', 'cd /; mv root gone');
    expect(await pwd()).toBe('/\n');
    await engine.shell('web', 'touch /root');
    expect(await pwd()).toBe('/\n');
    await engine.shell('web', 'ln -sfn nowhere /root');
    expect(await pwd()).toBe('/\n');
    await engine.shell('web', 'ln -sfn gone /root');
    expect(await pwd()).toBe('/gone\n');
  });

  it('keeps its files from one run to the next', async () => {
    await engine.launch('web');
    await engine.shell('web', 'echo kept >/root/note');
    await stop('web', true);
    expect(getInstance(engine.deps, 'web').lastExit).toEqual({ kind: 'killed' });
    await engine.start('web');
    expect(await engine.shell('web', 'cat /root/note')).toEqual({ status: 0, output: 'kept\n' });
  });

  it('that reboots from inside comes back as a new run, even an ephemeral one', async () => {
    await engine.launch('web', { ephemeral: true });
    const old = initOf('web');
    await engine.shell('web', 'reboot -f');
    await until('it runs again', () => status('web') === 'Running' && initOf('web') !== old);
    expect((await engine.shell('web', 'hostname')).output).toBe('web\n');
    expect(actions()).toContain('instance-restarted');
  });

  it('that does nothing but reboot is started ever more rarely, and a stop ends that', async () => {
    await engine.launch('web');
    const hasRun = initOf('web');
    await engine.shell('web', "echo '::sysinit:/sbin/reboot -f' >/etc/inittab; reboot -f");
    const { id } = getInstance(engine.deps, 'web');
    const waits = (): boolean => engine.deps.live.returns.isPending(id);
    await until('it waits', waits);
    expect(status('web')).toBe('Starting');
    const starts = (): number => actions().filter((action) => action.endsWith('-restarted')).length;
    await sleep(4000);
    // The first three at once, then after 1, 2 and 4 s; unbounded it would be some twenty.
    expect(starts()).toBeGreaterThanOrEqual(4);
    expect(starts()).toBeLessThanOrEqual(6);
    expect(initOf('web')).not.toBe(hasRun);
    // Beside it lies what each start warns of, such as limits that cannot be enforced here.
    const warning = (): unknown =>
      engine.deps.store.warnings
        .list()
        .find(({ type }) => type === 'Instance reboots again and again');
    expect(warning()).toMatchObject({ entity: 'instance web', status: 'new' });
    await until('it waits again', waits);
    await stop('web', false);
    expect(status('web')).toBe('Stopped');
    expect(warning()).toMatchObject({ status: 'resolved' });
    const seen = starts();
    await sleep(5000);
    expect([status('web'), starts()]).toEqual(['Stopped', seen]);
    await expect(stop('web', false)).rejects.toMatchObject({ code: 'wrong_state' });
  });

  it('that is started while it waits for that runs, and is not said to be starting', async () => {
    await engine.create('web');
    const { id } = getInstance(engine.deps, 'web');
    const { returns } = engine.deps.live;
    returns.later(id, 60_000, () => undefined);
    expect(status('web')).toBe('Starting');
    await engine.start('web');
    expect([status('web'), returns.isPending(id)]).toEqual(['Running', false]);
  });

  it('that waits for that when every machine is stopped does not come back', async () => {
    await engine.create('web');
    const { id } = getInstance(engine.deps, 'web');
    const power = { 'volatile.last_state.power': 'RUNNING' };
    engine.deps.store.instances.mergeConfig(id, power);
    engine.deps.live.returns.later(id, 60_000, () => undefined);
    try {
      await stopAll(engine.deps, { comeBack: true }, unattended);
      expect(getInstance(engine.deps, 'web').config).toMatchObject(power);
      await stopAll(engine.deps, { comeBack: false }, unattended);
    } finally {
      engine.deps.live.goingDown = false;
    }
    expect(status('web')).toBe('Stopped');
    expect(getInstance(engine.deps, 'web').config).not.toMatchObject(power);
  });

  it('is not stopped for a restart or a restore with limits that it cannot have', async () => {
    const set = (config: StringMap): Promise<unknown> =>
      updateInstance(engine.deps, { name: 'web', mode: 'merge', config }, unattended);
    const refused = { code: 'host_lacks', message: expect.stringContaining('nofile') as unknown };
    await engine.launch('web');
    const init = initOf('web');
    await set({ 'limits.kernel.nofile': '9999999999' });
    await expect(
      restartInstance(engine.deps, { name: 'web', force: true, timeoutMs: 0 }, unattended),
    ).rejects.toMatchObject(refused);
    const wanted = { instance: 'web', name: 's', expiresAtMs: undefined };
    await createSnapshot(engine.deps, wanted, unattended);
    await set({ 'limits.kernel.nofile': '' });
    await expect(
      restoreSnapshot(engine.deps, { instance: 'web', name: 's' }, unattended),
    ).rejects.toMatchObject(refused);
    expect([status('web'), initOf('web')]).toEqual(['Running', init]);
  });

  it('that powers off from inside is stopped', async () => {
    await engine.launch('web');
    await engine.shell('web', 'poweroff -f');
    await until('its end is recorded', () => getInstance(engine.deps, 'web').run === undefined);
    expect(status('web')).toBe('Stopped');
    expect(getInstance(engine.deps, 'web').lastExit).toEqual({ kind: 'halted' });
    expect(actions()).toContain('instance-shutdown');
  });

  it('whose init is killed has crashed', async () => {
    await engine.launch('web');
    process.kill(initOf('web'), 'SIGKILL');
    await until('its end is recorded', () => getInstance(engine.deps, 'web').run === undefined);
    expect(getInstance(engine.deps, 'web').lastExit).toEqual({
      kind: 'crashed',
      detail: 'signal 9',
    });
  });

  it('is known on its network by the name it has now, and forgotten with it', async () => {
    const hosts = (): string =>
      readFileSync(`${networkPlaces(engine.ground.paths).runDir}/warrenbr0.hosts`, 'utf8');
    await engine.launch('old');
    const { config } = getInstance(engine.deps, 'old');
    const hwaddr = config['volatile.eth0.hwaddr'] ?? '';
    expect(hosts()).toBe(`${hwaddr},old\n`);
    await stop('old', true);
    await renameInstance(engine.deps, { name: 'old', newName: 'new' }, unattended);
    await engine.start('new');
    expect(hosts()).toBe(`${hwaddr},new\n`);
    await applyNetworks(engine.deps);
    expect(hosts()).toBe(`${hwaddr},new\n`);
    await engine.remove('new');
    expect(hosts()).toBe('');
  });

  it('that is frozen is thawed and stopped as it wishes', async () => {
    await engine.launch('web');
    await freezeInstance(engine.deps, { name: 'web' }, unattended);
    expect(status('web')).toBe('Frozen');
    await stop('web', false);
    expect(getInstance(engine.deps, 'web').lastExit).toEqual({ kind: 'halted' });
  });

  it('that is frozen can be killed, and is not frozen for ever', async () => {
    await engine.launch('web');
    await freezeInstance(engine.deps, { name: 'web' }, unattended);
    await stop('web', true);
    expect(status('web')).toBe('Stopped');
    await engine.start('web');
    expect(status('web')).toBe('Running');
  });
});

describe('a forced stop', () => {
  // Busybox takes two seconds for a gentle one.
  const isStopping = (): boolean => status('web') === 'Stopping';

  it.each([false, true])(
    'overtakes a gentle one, and both succeed (ephemeral: %s)',
    async (gone) => {
      await engine.launch('web', { ephemeral: gone });
      const gentle = stop('web', false);
      await until('it is stopping', isStopping);
      await stop('web', true);
      await gentle;
      expect(actions().filter((action) => action === 'instance-stopped')).toHaveLength(1);
      expect(isGone('web')).toBe(gone);
      if (!gone) expect(getInstance(engine.deps, 'web').lastExit).toEqual({ kind: 'killed' });
    },
  );

  it('overtakes a restart, and the machine stays stopped', async () => {
    await engine.launch('web');
    const restart = restartInstance(
      engine.deps,
      { name: 'web', force: false, timeoutMs: undefined },
      unattended,
    );
    await until('it is stopping', isStopping);
    await stop('web', true);
    await restart;
    expect(status('web')).toBe('Stopped');
  });

  it('of a machine that is stopped is refused', async () => {
    await engine.create('web');
    await expect(stop('web', true)).rejects.toMatchObject({ code: 'wrong_state' });
  });
});

describe('an ephemeral machine is deleted', () => {
  it('when it is stopped', async () => {
    await engine.launch('brief', { ephemeral: true });
    await stop('brief', true);
    expect(isGone('brief')).toBe(true);
    expect(actions().slice(-2)).toEqual(['instance-stopped', 'instance-deleted']);
  });

  it('when it powers off from inside', async () => {
    await engine.launch('brief', { ephemeral: true });
    await engine.shell('brief', 'poweroff -f');
    await until('it is gone', () => isGone('brief'));
  });
});
