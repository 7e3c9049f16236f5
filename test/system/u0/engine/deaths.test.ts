import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { freezeInstance } from '../../../../src/engine/instances/freeze.ts';
import { notTakenUp } from '../../../../src/engine/instances/finish.ts';
import { getInstance, listInstances } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { statusOf } from '../../../../src/engine/instances/state.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { updateInstance } from '../../../../src/engine/instances/update.ts';
import { unattended, type WarningRecord } from '../../../../src/engine/types.ts';
import { Fault, forever } from './faults.ts';
import {
  clear,
  create,
  dieAt as dieIn,
  launch,
  layEmptyGround,
  remove,
  shell,
  until,
  type Census,
  type Ground,
  type Life,
} from './ground.ts';
import { guests } from './keeper.ts';

let ground: Ground;
let life: Life;
let empty: Census;
const fault = new Fault();

beforeAll(async () => {
  ({ ground, life, empty } = await layEmptyGround(fault.gate));
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

afterEach(async () => {
  fault.arm();
  expect(await clear(ground, life)).toEqual(empty);
  expect(life.deps.store.slices.list()).toEqual([]);
  expect(life.problems).toEqual([]);
});

const start = (name: string): Promise<void> => startInstance(life.deps, { name }, unattended);
const stop = (name: string): Promise<void> =>
  stopInstance(life.deps, { name, force: true, timeoutMs: undefined }, unattended);
const status = (name: string): string => statusOf(life.deps, getInstance(life.deps, name));

/** Has the daemon die just before `effect` of `work`, and the next one begin. */
async function dieAt(effect: string, work: () => Promise<unknown>): Promise<void> {
  life = await dieIn({ ground, life, fault }, effect, work);
}

/** What the list says is what a program in the machine finds. */
async function expectTruth(name: string): Promise<void> {
  const said = status(name);
  const works = await shell(life, name, 'hostname').then(
    ({ output }) => output === `${name}\n`,
    () => false,
  );
  expect(works, `${name} is said to be ${said}`).toBe(said === 'Running');
}

const initOf = (name: string): number => getInstance(life.deps, name).run?.init.pid ?? 0;
const lastExit = (name: string): unknown => getInstance(life.deps, name).lastExit;

/** What happens in machines between one daemon and the next. */
async function whileNobodyLooks(ending: readonly number[], work: () => void): Promise<void> {
  life.die();
  work();
  await until('they have ended', () => guests().every((pid) => !ending.includes(pid)));
  life = await ground.begin(fault.gate);
}

/** Runs a command in a machine a moment from now. */
async function soon(name: string, command: string): Promise<void> {
  await shell(life, name, `(sleep 0.3; ${command}) </dev/null >/dev/null 2>&1 &`);
}

describe('when the daemon dies while a machine starts', () => {
  it.each(['runtime.create', 'keeper.store', 'networks.attach', 'runtime.start'])(
    'just before %s, the next one knows how it is, and can start it',
    async (effect) => {
      await create(life, 'web');
      await dieAt(effect, () => start('web'));
      await expectTruth('web');
      if (status('web') === 'Running') await stop('web');
      await start('web');
      await expectTruth('web');
    },
  );
});

describe('when the daemon dies while a machine is stopped by force', () => {
  it.each(['runtime.killAll', 'networks.detach', 'storage.unmountRoot', 'keeper.drop 2'])(
    'just before %s, the next one knows how it is',
    async (effect) => {
      await launch(life, 'web');
      await dieAt(effect, () => stop('web'));
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
      await launch(life, 'web', { devices: { old: { ...disk, path: '/mnt/old' } } });
      await dieAt(effect, async () => {
        const eth1 = { type: 'nic', network: 'warrenbr0' };
        const devices = { new: { ...disk, path: '/mnt/new' }, eth1 };
        await updateInstance(life.deps, { name: 'web', devices }, unattended);
      });
      const { output } = await shell(life, 'web', 'cat /proc/self/mountinfo; ls /sys/class/net');
      expect(output.match(/ \/mnt\/\w+ /g)).toEqual([' /mnt/new ']);
      expect(output).toContain('eth1');
      expect(getInstance(life.deps, 'web').config).not.toHaveProperty('volatile.applying');
    },
  );
});

describe('when the daemon dies while a machine is', () => {
  it.each(['storage.removeUpper', 'networks.releaseLease'])(
    'deleted, just before %s, it is gone',
    async (effect) => {
      await create(life, 'web');
      await dieAt(effect, () => remove(life, 'web'));
      expect(listInstances(life.deps)).toEqual([]);
      expect(life.deps.store.instances.list()).toEqual([]);
    },
  );

  it('created, it never was', async () => {
    await dieAt('storage.createUpper', () => create(life, 'web'));
    expect(life.deps.store.instances.list()).toEqual([]);
    await create(life, 'web');
  });

  it('asked to shut down, it is found halted', async () => {
    await launch(life, 'web');
    const pid = initOf('web');
    const stopping = stopInstance(
      life.deps,
      { name: 'web', force: false, timeoutMs: undefined },
      unattended,
    );
    stopping.catch(() => undefined);
    await until('it was asked', () => fault.trail.includes('runtime.requestShutdown'));
    await whileNobodyLooks([pid], () => undefined);
    expect(status('web')).toBe('Stopped');
    expect(lastExit('web')).toEqual({ kind: 'halted' });
  });
});

describe('what happens while no daemon is there', () => {
  it('is known to the next: halted, rebooted, crashed, gone on', async () => {
    for (const name of ['halts', 'reboots', 'crashes', 'stays']) await launch(life, name);
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
    await launch(life, 'brief', { ephemeral: true });
    await soon('brief', 'poweroff -f');
    await whileNobodyLooks([initOf('brief')], () => undefined);
    expect(listInstances(life.deps)).toEqual([]);
  });

  it('a machine whose reboot was recorded and no more comes back', async () => {
    await launch(life, 'web');
    const before = initOf('web');
    await dieAt('storage.mountRoot', async () => {
      await soon('web', 'reboot -f');
      await forever();
    });
    expect(status('web')).toBe('Running');
    expect(initOf('web')).not.toBe(before);
    await expectTruth('web');
  });

  it('an ephemeral machine whose end was recorded and no more is deleted', async () => {
    await create(life, 'brief', { ephemeral: true });
    life.deps.store.instances.setExit(getInstance(life.deps, 'brief').id, { kind: 'halted' });
    life.die();
    life = await ground.begin(fault.gate);
    expect(listInstances(life.deps)).toEqual([]);
  });

  it('a machine that was frozen stays so; one that a snapshot froze is thawed', async () => {
    await launch(life, 'meant');
    await launch(life, 'unmeant');
    await freezeInstance(life.deps, { name: 'meant' }, unattended);
    await life.deps.runtime.freeze('unmeant', 5000);
    life.die();
    life = await ground.begin(fault.gate);
    expect(status('meant')).toBe('Frozen');
    await expectTruth('unmeant');
    expect(status('unmeant')).toBe('Running');
  });
});

describe('a machine that cannot be taken up completely', () => {
  it('has all else, a warning that says what it lacks, and all of it the next time', async () => {
    const listen = (name: string): string => `unix:${ground.paths.runtimeDir}/${name}`;
    const port = { type: 'proxy', connect: 'tcp:127.0.0.1:80' };
    const devices = {
      first: { ...port, listen: listen('first') },
      second: { ...port, listen: listen('second') },
    };
    await launch(life, 'web', { devices });
    const inits = '/sbin/init /usr/sbin/init /lib/systemd/systemd /bin/init';
    await shell(life, 'web', `mkdir /kept; for i in ${inits}; do mv $i /kept/ || true; done`);
    life.die();
    fault.arm('runtime.thaw', () => {
      fault.arm('networks.addProxy', () => {
        throw new Error('port taken');
      });
      throw new Error('not thawed');
    });
    life = await ground.begin(fault.gate);
    expect(fault.trail).toContain('networks.addProxy 2');
    await expectTruth('web');
    const find = (): WarningRecord | undefined =>
      life.deps.store.warnings.list().find(({ type }) => type === notTakenUp);
    const warning = find();
    expect(warning).toMatchObject({ entity: 'instance web', status: 'new' });
    for (const lack of ['not thawed', 'no /sbin/init', 'first: port taken']) {
      expect(warning?.message).toContain(lack);
    }
    expect(warning?.message).not.toContain('second');
    expect(life.problems).toHaveLength(3);
    await shell(life, 'web', 'mv /kept/init /sbin/init');
    life.die();
    life = await ground.begin(fault.gate);
    expect(find()).toMatchObject({ status: 'resolved' });
  });
});

describe('when the keeper dies too', () => {
  it('machines go on, and an end that nobody saw has no known reason', async () => {
    await launch(life, 'stays');
    await launch(life, 'brief', { ephemeral: true });
    const ends = initOf('brief');
    ground.keeper.die();
    await whileNobodyLooks([ends], () => {
      process.kill(ends, 'SIGKILL');
    });
    await expectTruth('stays');
    expect(status('stays')).toBe('Running');
    expect(status('brief')).toBe('Stopped');
    expect(lastExit('brief')).toEqual({ kind: 'unknown' });
  });
});
