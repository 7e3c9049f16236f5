import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'mirror', 'lxc');

describe('lxc and images that are built here', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  test('image refresh builds one anew, which takes over its aliases', async () => {
    await lxc.badly('image refresh nothing', /Error: .*nothing/);
    await lxc.well('init busybox c3');
    await lxc.well('image set-property busybox note old');
    const fingerprint = async (): Promise<string> =>
      /^Fingerprint: (\S+)$/m.exec(await lxc.well('image info busybox'))?.[1] ?? '';
    const old = await fingerprint();
    await lxc.well(`image alias create other ${old}`);
    await lxc.well(`image export busybox ${lxc.place}/old`);
    await lxc.well('image refresh busybox');
    const fresh = await fingerprint();
    expect(fresh).not.toBe(old);
    expect(await lxc.well('image alias list -f csv')).toMatch(
      new RegExp(`^other,${fresh.slice(0, 12)},`, 'm'),
    );
    await lxc.badly(`image show ${old}`, /Error: .*not found|Error: .*[Nn]o such|Error: .*find/);
    // It stands on what it was made from.
    await lxc.well('start c3');
    await lxc.well('delete -f c3');
    const file = readdirSync(lxc.place).find((name) => name.startsWith('old')) ?? '';
    await lxc.well(`image import ${lxc.place}/${file} --alias again`);
    await lxc.badly('image refresh again', /Error: .*from a file or a machine/);
  });
});
