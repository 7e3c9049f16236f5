import { afterAll, beforeAll, expect, test } from 'vitest';

import { apiPath } from '../../src/client/client.ts';
import type { InstanceState } from '../../src/contract/api/instances.ts';
import { inTime, openHost, type EmulatedHost } from './host.ts';

/** One machine's ids, which nobody on this host has. */
const range = '1000000-1065535';

let host: EmulatedHost;

beforeAll(async () => {
  host = await openHost();
});

afterAll(async () => {
  await host[Symbol.asyncDispose]();
});

const setPower = async (name: string, action: 'start' | 'stop'): Promise<void> => {
  const body = { action, force: action === 'stop' };
  await (await host.api()).operate('PUT', apiPath('instances', name, 'state'), body);
};

/** The whole of warren ends; the next command makes it anew, with what is granted then. */
const beginAnew = async (): Promise<void> => {
  await host.ok('warren daemon stop --machines');
  await host.ok('warren list');
};

/** Who a machine's init is on the host. */
const ownerOf = async (name: string): Promise<number> => {
  const path = apiPath('instances', name, 'state');
  const { pid } = await (await host.api()).get<InstanceState>(path);
  return Number(await host.root(`stat -c %u /proc/${pid}`));
};

test('a grant that usermod makes larger, smaller and larger again holds from the next start on', async () => {
  const source = { type: 'image', alias: 'busybox' };
  const config = { 'security.idmap.isolated': 'true' };
  const create = async (): Promise<unknown> =>
    await (
      await host.api()
    ).operate('POST', apiPath('instances'), { name: 'apart', source, config });
  const lacks = (hint: RegExp): unknown => ({
    code: 'host_lacks',
    hint: expect.stringMatching(hint) as unknown,
  });
  const first = await ownerOf('first');
  await expect(create()).rejects.toMatchObject(lacks(/^sudo usermod --add-subuids /) as object);

  await host.root(`usermod --add-subuids ${range} --add-subgids ${range} warren`);
  // What runs was made with what was granted before, and warren does not ask for more and more.
  await expect(create()).rejects.toMatchObject(lacks(/^warren daemon stop --machines/) as object);
  await beginAnew();
  await create();
  await setPower('apart', 'start');
  await setPower('first', 'start');
  expect(await ownerOf('apart')).toBe(1_000_000);
  expect(await ownerOf('first')).toBe(first);
  expect(await host.exec('apart', 'echo mine >/mark; chown 1000:1000 /mark')).toBe(0);

  // usermod takes nothing away from a user who runs anything.
  await host.withoutUser(`usermod --del-subuids ${range} --del-subgids ${range} warren`);
  await host.ok('warren list');
  await expect(setPower('apart', 'start')).rejects.toMatchObject(
    lacks(/^grep \^warren:/) as object,
  );
  // Machines that ran when the user's manager was stopped come back with it, those that can.
  await inTime(async () => {
    expect(await ownerOf('first')).toBe(first);
  });

  await host.root(`usermod --add-subuids ${range} --add-subgids ${range} warren`);
  await beginAnew();
  await setPower('apart', 'start');
  expect(await ownerOf('apart')).toBe(1_000_000);
  expect(await host.exec('apart', '[ "$(stat -c %u:%g:%s /mark)" = 1000:1000:5 ]')).toBe(0);
});
