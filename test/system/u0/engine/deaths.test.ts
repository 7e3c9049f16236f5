import { describe, expect, it } from 'vitest';

import { freezeInstance } from '../../../../src/engine/instances/freeze.ts';
import { notTakenUp } from '../../../../src/engine/instances/finish.ts';
import { getInstance, listInstances } from '../../../../src/engine/instances/list.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { unattended, type WarningRecord } from '../../../../src/engine/types.ts';
import { forever } from './faults.ts';
import { until } from './ground.ts';
import { guests } from './keeper.ts';
import { useEngine } from './test-engine.ts';

const engine = useEngine();

const status = (name: string): string => statusOf(engine.deps, getInstance(engine.deps, name));

/** What the list says is what a program in the machine finds. */
async function expectTruth(name: string): Promise<void> {
  const said = status(name);
  const works = await engine.shell(name, 'hostname').then(
    ({ output }) => output === `${name}\n`,
    () => false,
  );
  expect(works, `${name} is said to be ${said}`).toBe(said === 'Running');
}

const initOf = (name: string): number => getInstance(engine.deps, name).run?.init.pid ?? 0;
const lastExit = (name: string): unknown => getInstance(engine.deps, name).lastExit;

/** What happens in machines between one daemon and the next. */
async function whileNobodyLooks(ending: readonly number[], work: () => void): Promise<void> {
  engine.die();
  work();
  await until('they have ended', () => guests().every((pid) => !ending.includes(pid)));
  await engine.begin();
}

/** Runs a command in a machine a moment from now. */
async function soon(name: string, command: string): Promise<void> {
  await engine.shell(name, `(sleep 0.3; ${command}) </dev/null >/dev/null 2>&1 &`);
}

describe('when the daemon dies while a machine starts', () => {
  it.each(['runtime.create', 'keeper.store', 'networks.attach', 'runtime.start'])(
    'just before %s, the next one knows how it is, and can start it',
    async (effect) => {
      await engine.create('web');
      await engine.dieAt(effect, () => engine.start('web'));
      await expectTruth('web');
      if (status('web') === 'Running') await engine.stop('web');
      await engine.start('web');
      await expectTruth('web');
    },
  );
});

describe('when the daemon dies while a machine is stopped by force', () => {
  it.each(['runtime.killAll', 'networks.detach', 'storage.unmountRoot', 'keeper.drop 2'])(
    'just before %s, the next one knows how it is',
    async (effect) => {
      await engine.launch('web');
      await engine.dieAt(effect, () => engine.stop('web'));
      await expectTruth('web');
      expect(status('web')).toBe(effect === 'runtime.killAll' ? 'Running' : 'Stopped');
      expect([
        undefined,
        { kind: 'killed' },
        { kind: 'crashed', detail: 'signal 9' },
      ]).toContainEqual(lastExit('web'));
    },
  );
});

describe('when the daemon dies while settings are applied', () => {
  it.each(['runtime.detachMount', 'runtime.attachMount', 'networks.attach'])(
    'just before %s, the next one does the rest',
    async (effect) => {
      // A directory with nothing mounted below it.
      const disk = { type: 'disk', source: '/usr/share' };
      await engine.launch('web', { devices: { old: { ...disk, path: '/mnt/old' } } });
      await engine.dieAt(effect, async () => {
        const eth1 = { type: 'nic', network: 'warrenbr0' };
        const devices = { new: { ...disk, path: '/mnt/new' }, eth1 };
        await updateInstance(engine.deps, { name: 'web', devices }, unattended);
      });
      const { output } = await engine.shell('web', 'cat /proc/self/mountinfo; ls /sys/class/net');
      expect(output.match(/ \/mnt\/\w+ /g)).toEqual([' /mnt/new ']);
      expect(output).toContain('eth1');
      expect(getInstance(engine.deps, 'web').config).not.toHaveProperty('volatile.applying');
    },
  );
});

describe('when the daemon dies while a machine is', () => {
  it.each(['storage.removeUpper', 'networks.releaseLease'])(
    'deleted, just before %s, it is gone',
    async (effect) => {
      await engine.create('web');
      await engine.dieAt(effect, () => engine.remove('web'));
      expect(listInstances(engine.deps)).toEqual([]);
      expect(engine.deps.store.instances.list()).toEqual([]);
    },
  );

  it('created, it never was', async () => {
    await engine.dieAt('storage.createUpper', () => engine.create('web'));
    expect(engine.deps.store.instances.list()).toEqual([]);
    await engine.create('web');
  });

  it('asked to shut down, it is found halted', async () => {
    await engine.launch('web');
    const pid = initOf('web');
    const stopping = stopInstance(
      engine.deps,
      { name: 'web', force: false, timeoutMs: undefined },
      unattended,
    );
    stopping.catch(() => undefined);
    await until('it was asked', () => engine.fault.trail.includes('runtime.requestShutdown'));
    await whileNobodyLooks([pid], () => undefined);
    expect(status('web')).toBe('Stopped');
    expect(lastExit('web')).toEqual({ kind: 'halted' });
  });
});

describe('what happens while no daemon is there', () => {
  it('is known to the next: halted, rebooted, crashed, gone on', async () => {
    for (const name of ['halts', 'reboots', 'crashes', 'stays']) await engine.launch(name);
    const [halts, reboots, crashes, stays] = ['halts', 'reboots', 'crashes', 'stays'].map(initOf);
    await soon('halts', 'poweroff -f');
    await soon('reboots', 'reboot -f');
    await whileNobodyLooks([halts ?? 0, reboots ?? 0, crashes ?? 0], () => {
      process.kill(crashes ?? 0, 'SIGKILL');
    });
    for (const name of ['halts', 'reboots', 'crashes', 'stays']) await expectTruth(name);
    expect(lastExit('halts')).toEqual({ kind: 'halted' });
    expect(status('reboots')).toBe('Running');
    expect(initOf('reboots')).not.toBe(reboots);
    expect(lastExit('crashes')).toEqual({ kind: 'crashed', detail: 'signal 9' });
    expect(initOf('stays')).toBe(stays);
    expect(status('stays')).toBe('Running');
  });

  it('an ephemeral machine that halted is deleted', async () => {
    await engine.launch('brief', { ephemeral: true });
    await soon('brief', 'poweroff -f');
    await whileNobodyLooks([initOf('brief')], () => undefined);
    expect(listInstances(engine.deps)).toEqual([]);
  });

  it('a machine whose reboot was recorded and no more comes back', async () => {
    await engine.launch('web');
    const before = initOf('web');
    await engine.dieAt('storage.mountRoot', async () => {
      await soon('web', 'reboot -f');
      await forever();
    });
    expect(status('web')).toBe('Running');
    expect(initOf('web')).not.toBe(before);
    await expectTruth('web');
  });

  it('an ephemeral machine whose end was recorded and no more is deleted', async () => {
    await engine.create('brief', { ephemeral: true });
    engine.deps.store.instances.setExit(getInstance(engine.deps, 'brief').id, { kind: 'halted' });
    engine.die();
    await engine.begin();
    expect(listInstances(engine.deps)).toEqual([]);
  });

  it('a machine that was frozen stays so; one that a snapshot froze is thawed', async () => {
    await engine.launch('meant');
    await engine.launch('unmeant');
    await freezeInstance(engine.deps, { name: 'meant' }, unattended);
    await engine.deps.runtime.freeze('unmeant', 5000);
    engine.die();
    await engine.begin();
    expect(status('meant')).toBe('Frozen');
    await expectTruth('unmeant');
    expect(status('unmeant')).toBe('Running');
  });
});

describe('a machine that cannot be taken up completely', () => {
  it('has all else, a warning that says what it lacks, and all of it the next time', async () => {
    const listen = (name: string): string => `unix:${engine.ground.paths.runtimeDir}/${name}`;
    const port = { type: 'proxy', connect: 'tcp:127.0.0.1:80' };
    const devices = {
      first: { ...port, listen: listen('first') },
      second: { ...port, listen: listen('second') },
    };
    await engine.launch('web', { devices });
    const inits = '/sbin/init /usr/sbin/init /lib/systemd/systemd /bin/init';
    await engine.shell('web', `mkdir /kept; for i in ${inits}; do mv $i /kept/ || true; done`);
    engine.die();
    engine.fault.arm('runtime.thaw', () => {
      engine.fault.arm('networks.addProxy', () => {
        throw new Error('port taken');
      });
      throw new Error('not thawed');
    });
    await engine.begin();
    expect(engine.fault.trail).toContain('networks.addProxy 2');
    await expectTruth('web');
    const find = (): WarningRecord | undefined =>
      engine.deps.store.warnings.list().find(({ type }) => type === notTakenUp);
    const warning = find();
    expect(warning).toMatchObject({ entity: 'instance web', status: 'new' });
    for (const lack of ['not thawed', 'no /sbin/init', 'first: port taken']) {
      expect(warning?.message).toContain(lack);
    }
    expect(warning?.message).not.toContain('second');
    expect(engine.problems).toHaveLength(3);
    await engine.shell('web', 'mv /kept/init /sbin/init');
    engine.die();
    await engine.begin();
    expect(find()).toMatchObject({ status: 'resolved' });
  });
});

describe('when the keeper dies too', () => {
  it('machines go on, and an end that nobody saw has no known reason', async () => {
    await engine.launch('stays');
    await engine.launch('brief', { ephemeral: true });
    const ends = initOf('brief');
    engine.ground.keeper.die();
    await whileNobodyLooks([ends], () => {
      process.kill(ends, 'SIGKILL');
    });
    await expectTruth('stays');
    expect(status('stays')).toBe('Running');
    expect(status('brief')).toBe('Stopped');
    expect(lastExit('brief')).toEqual({ kind: 'unknown' });
  });
});
