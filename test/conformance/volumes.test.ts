import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and storage volumes', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
    await lxc.well('launch busybox c1');
    await lxc.well('launch busybox c2');
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  test('storage volume create, list, show, info, set, edit and rename', async () => {
    await lxc.well('storage volume create default data user.note=mine');
    expect(await lxc.well('storage volume list default -f csv')).toMatch(
      /^custom,data,,filesystem,0$/m,
    );
    expect(await lxc.well('storage volume list default type=container -f csv')).toMatch(
      /^container,c1,,filesystem,1$/m,
    );
    expect(await lxc.well('storage volume show default data')).toMatch(/user\.note: mine/);
    expect(await lxc.well('storage volume info default data')).toMatch(/^Name: data\n/);
    await lxc.well('storage volume set default data user.note=ours size=1GiB');
    expect(await lxc.well('storage volume get default data user.note')).toBe('ours');
    await lxc.well('storage volume unset default data size');
    expect(await lxc.well('storage volume get default data size')).toBe('');
    const edited = 'config:\n  user.note: theirs\ndescription: notes\n';
    await lxc.well('storage volume edit default data', { input: edited });
    expect(await lxc.well('storage volume show default data')).toMatch(/description: notes/);
    await lxc.well('storage volume rename default data other');
    await lxc.well('storage volume move default/other default/data');
    await lxc.well('storage volume delete default data');
    expect(await lxc.well('storage volume list default type=custom -f csv')).toBe('');
  });

  test('storage volume attach gives running machines files that are theirs', async () => {
    await lxc.well('storage volume create default shared');
    await lxc.well('storage volume attach default shared c1 /data');
    await lxc.well('storage volume attach default shared c2 /data');
    await lxc.well(`exec c1 -- sh -c 'echo hello >/data/f; chown 7:8 /data/f'`);
    expect(await lxc.well(`exec c2 -- stat -c '%u:%g %a' /data/f /data`)).toBe('7:8 644\n0:0 711');
    expect(await lxc.well('exec c2 -- cat /data/f')).toBe('hello');
    expect(await lxc.well('storage volume show default shared')).toMatch(
      /used_by:\n- \/1\.0\/instances\/c1\n- \/1\.0\/instances\/c2/,
    );
    await lxc.badly('storage volume delete default shared', /Error: .*used by c1, c2/);
    await lxc.badly('storage volume rename default shared x', /Error: .*used by c1, c2/);
    await lxc.well('restart c1');
    expect(await lxc.well('exec c1 -- cat /data/f')).toBe('hello');
    await lxc.well('storage volume detach default shared c2');
    expect(await lxc.well(`exec c2 -- sh -c 'ls /data'`)).toBe('');
    await lxc.well('storage volume attach-profile default shared default /srv/p');
    expect(await lxc.well('exec c2 -- cat /srv/p/f')).toBe('hello');
    await lxc.badly('storage volume delete default shared', /Error: .*profile default/);
    await lxc.well('storage volume detach-profile default shared default');
    await lxc.well('storage volume detach default shared c1');
    await lxc.well('storage volume delete default shared');
  });

  test('storage volume snapshot, restore and copy keep what was, also beside a machine', async () => {
    await lxc.well('storage volume create default kept');
    await lxc.well('storage volume attach default kept c1 /kept');
    await lxc.well(`exec c1 -- sh -c 'echo one >/kept/f'`);
    await lxc.well('storage volume snapshot default kept');
    await lxc.well('storage volume snapshot default kept before');
    await lxc.well(`exec c1 -- sh -c 'echo two >/kept/f'`);
    expect(await lxc.well('storage volume list default type=custom -f csv -c n')).toMatch(
      /^kept\nkept\/snap0\nkept\/before|^kept\nkept\/before\nkept\/snap0/,
    );
    await lxc.badly('storage volume snapshot default kept before', /Error: .*before/);
    await lxc.badly('storage volume restore default kept before', /Error: .*in use by c1/);
    await lxc.well('storage volume copy default/kept default/copy');
    await lxc.well('storage volume copy default/kept/before default/old');
    await lxc.well('storage volume rename default kept/snap0 kept/first');
    expect(await lxc.well('storage volume info default copy')).toMatch(/before/);
    await lxc.well('storage volume attach default copy c2 /copy');
    await lxc.well('storage volume attach default old c2 /old');
    expect(await lxc.well('exec c2 -- cat /copy/f /old/f')).toBe('two\none');
    await lxc.well('stop -f c1');
    await lxc.well('storage volume restore default kept before');
    await lxc.well('start c1');
    expect(await lxc.well('exec c1 -- cat /kept/f')).toBe('one');
    await lxc.well('storage volume delete default kept/first');
    for (const [volume, machine] of [
      ['kept', 'c1'],
      ['copy', 'c2'],
      ['old', 'c2'],
    ] as const) {
      await lxc.well(`storage volume detach default ${volume} ${machine}`);
      await lxc.well(`storage volume delete default ${volume}`);
    }
  });

  test('storage volume export and import carry one over, with its snapshots', async () => {
    await lxc.well('storage volume create default out user.note=mine');
    await lxc.well('storage volume attach default out c1 /out');
    const make = 'echo one >/out/f; chown 7:8 /out/f; chmod 4750 /out/f; ln -s f /out/l';
    await lxc.well(`exec c1 -- sh -c '${make}; mkdir -m 1777 /out/d'`);
    await lxc.well('storage volume snapshot default out before');
    await lxc.well(`exec c1 -- sh -c 'echo two >/out/f; chmod 4750 /out/f; rm /out/l'`);
    const file = join(lxc.place, 'out.tar.gz');
    await lxc.well(`storage volume export default out ${file}`);
    await lxc.badly(`storage volume import default ${file}`, /Error: .*out.*exists/);
    await lxc.well(`storage volume import default ${file} back`);
    await lxc.well('storage volume detach default out c1');
    await lxc.well('storage volume delete default out');
    await lxc.well(`storage volume import default ${file}`);
    expect(await lxc.well('storage volume get default out user.note')).toBe('mine');
    await lxc.well('storage volume copy default/back/before default/old');
    await lxc.well('storage volume attach default back c2 /back');
    await lxc.well('storage volume attach default old c2 /old');
    expect(await lxc.well('exec c2 -- cat /back/f /old/l')).toBe('two\none');
    expect(await lxc.well(`exec c2 -- stat -c '%u:%g %a' /back/f /back/d /back`)).toBe(
      '7:8 4750\n0:0 1777\n0:0 711',
    );
    await lxc.badly('exec c2 -- test -e /back/l', /^$/);
    await lxc.badly(`import ${file}`, /Error: /);
    const left = await lxc.well('query /1.0/storage-pools/default/volumes/custom/out/backups');
    expect(JSON.parse(left)).toEqual([]);
    for (const volume of ['back', 'old']) {
      await lxc.well(`storage volume detach default ${volume} c2`);
      await lxc.well(`storage volume delete default ${volume}`);
    }
    await lxc.well('storage volume delete default out');
  });

  test('storage volume says what is wrong', async () => {
    await lxc.well('storage volume create default taken');
    const file = join(lxc.place, 'volume.tar.gz');
    writeFileSync(file, 'no archive');
    for (const line of [
      'storage volume create default taken',
      'storage volume create nothing v',
      'storage volume create default v --type=block',
      'storage volume create default v security.shifted=true',
      'storage volume list nothing',
      'storage volume show default nothing',
      'storage volume info default nothing',
      'storage volume get default nothing size',
      'storage volume set default taken sise=1GiB',
      'storage volume set default nothing size=1GiB',
      'storage volume unset default nothing size',
      'storage volume rename default nothing other',
      'storage volume move default/nothing default/other',
      'storage volume copy default/taken default/taken',
      'storage volume copy default/nothing default/other',
      'storage volume delete default nothing',
      'storage volume attach default nothing c1 /x',
      'storage volume attach-profile default nothing default /x',
      'storage volume detach default nothing c1',
      'storage volume detach-profile default nothing default',
      'storage volume snapshot default nothing',
      'storage volume restore default taken nothing',
      `storage volume export default nothing ${file}.out`,
      `storage volume import default ${file}`,
    ]) {
      await lxc.badly(line, /Error: /);
    }
    await lxc.badly('storage volume edit default nothing', /Error: /, { input: 'config: {}\n' });
    await lxc.badly('storage volume edit default taken', /Error: /, { input: 'config: [' });
    await lxc.well('storage volume delete default taken');
  });
});
