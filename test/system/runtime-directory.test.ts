import { lstatSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';

import { openKeeperGround } from '../helpers/keeper.ts';
import { needs } from '../helpers/needs.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns');

describe('the runtime directory', () => {
  test('of another shell is not that of another keeper: its clients are shown the one that runs', async () => {
    await using ground = await openKeeperGround({ apart: true });
    await ground.start();
    const { pid } = await ground.order({ do: 'status' });
    const elsewhere = { XDG_RUNTIME_DIR: join(ground.base, 'login') };
    await Promise.all([ground.start(elsewhere), ground.start(elsewhere)]);
    const there = join(ground.base, 'login/warren');
    expect((await ground.order({ do: 'status' }, there)).pid).toBe(pid);
    expect(ground.log().match(/listens/g)).toHaveLength(1);
    // Once it has ended, the next one is where it was asked for.
    await ground.order({ do: 'shutdown' });
    await eventually(async () => {
      await ground.start(elsewhere);
      expect(lstatSync(join(there, 'unix.socket')).isSocket()).toBe(true);
    });
    expect((await ground.order({ do: 'status' }, there)).names).toEqual([]);
    expect(ground.log().match(/listens/g)).toHaveLength(2);
    await ground.order({ do: 'shutdown' }, there);
  });

  test('of a keeper that was killed is where the next one comes back to its U0', async () => {
    await using ground = await openKeeperGround({ apart: true });
    await ground.start();
    const pin = ground.pin();
    process.kill(ground.keeperPid(), 'SIGKILL');
    await eventually(() => ground.start({ XDG_RUNTIME_DIR: join(ground.base, 'login') }));
    expect(ground.pin()).toEqual(pin);
    const there = join(ground.base, 'login/warren');
    expect((await ground.order({ do: 'status' }, there)).keeperPid).toBe(ground.keeperPid());
  });

  test('that was emptied is filled again by the keeper, with what it holds', async () => {
    await using ground = await openKeeperGround({ apart: true });
    await ground.start();
    await ground.order({ do: 'pty', name: 'web' });
    const before = await ground.order({ do: 'status' });
    const pin = ground.pin();
    rmSync(ground.dir, { recursive: true });
    await Promise.all([ground.start(), ground.start()]);
    const after = await ground.order({ do: 'status' });
    expect(after).toMatchObject({ keeperPid: before.keeperPid, names: before.names });
    expect(after.pid).not.toBe(before.pid);
    expect(ground.keeperPid()).toBe(before.keeperPid);
    expect(ground.pin()).toEqual(pin);
    expect(statSync(join(ground.dir, 'unix.socket')).mode & 0o777).toBe(0o600);
    await ground.start();
    expect((await ground.order({ do: 'status' })).pid).toBe(after.pid);
  });
});
