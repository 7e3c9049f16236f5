import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and the life of a machine', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  test('launch makes and starts one, and list shows it with its address', async () => {
    const said = await lxc.well('launch busybox c1 -c user.colour=green');
    expect(said).toBe('Creating c1\nStarting c1');
    await eventually(async () => {
      expect(await lxc.well('list -f csv -c n,s,4,t,S c1')).toMatch(
        /^c1,RUNNING,10\.77\.\d+\.\d+ \(eth0\),CONTAINER,0$/,
      );
    });
    expect(await lxc.well('list -f csv -c n user.colour=green')).toBe('c1');
    expect(await lxc.well('list -f csv -c n status=running')).toBe('c1');
    expect(await lxc.well('list -f csv -c n status=stopped')).toBe('');
    const [row] = JSON.parse(await lxc.well('list -f json')) as [
      { name: string; config: Record<string, string>; state: { network: object } },
    ];
    expect(row).toMatchObject({ name: 'c1', config: { 'user.colour': 'green' } });
    expect(Object.keys(row.state.network).sort()).toEqual(['eth0', 'lo']);
    expect(await lxc.well('list --fast -f csv')).toMatch(/^c1,RUNNING,x86_64,/);
  });

  test('launch refuses a name that is taken, one that is none, and an image nobody has', async () => {
    await lxc.badly('launch busybox c1', /Error: .*c1.*exists already/);
    await lxc.badly('launch busybox not.a.name', /Error: .*name/);
    await lxc.badly('launch nothing c9', /Error: .*[Cc]annot find image "nothing"/);
    await lxc.badly('launch busybox c9 -p nothing', /Error: .*profile "nothing"/);
    expect(await lxc.well('list -f csv -c n')).toBe('c1');
  });

  test('info tells of a machine, and of the server', async () => {
    const said = await lxc.well('info c1');
    expect(said).toMatch(
      /^Name: c1\nStatus: RUNNING\nType: container\nArchitecture: x86_64\nPID: \d+\n/,
    );
    expect(said).toMatch(/Processes: [1-9]/);
    expect(said).toMatch(/eth0:\n +Type: broadcast\n +State: UP\n/);
    await lxc.well('info c1 --show-log');
    expect(await lxc.well('info')).toContain('server: warren');
    expect(await lxc.well('info --resources')).toMatch(/CPU[^]*Memory:[^]*Total: /);
    await lxc.badly('info nothing', /Error: Cannot find instance "nothing"/);
    expect(await lxc.well('version')).toMatch(/^Client version: 5\.0\.2\nServer version: \S+$/);
  });

  test('stop, start, restart and pause change its state, several at once', async () => {
    const status = (): Promise<string> => lxc.well('list -f csv -c ns');
    await lxc.well('init busybox c2');
    await lxc.badly('stop c2', /Error: /);
    await lxc.well('start c2');
    await lxc.well('pause c1 c2');
    expect(await status()).toBe('c1,FROZEN\nc2,FROZEN');
    await lxc.badly('exec c1 -- true', /Error: .*frozen/i);
    await lxc.well('start c1 c2');
    await lxc.well('restart c1 --force');
    expect(await status()).toBe('c1,RUNNING\nc2,RUNNING');
    await lxc.well('stop c2 --force');
    expect(await status()).toBe('c1,RUNNING\nc2,STOPPED');
    await lxc.badly('start c1', /Error: /);
    await lxc.badly('restart nothing', /Error: .*nothing/);
    await lxc.badly('pause c2', /Error: /);
    await lxc.well('stop --all --force');
    expect(await status()).toBe('c1,STOPPED\nc2,STOPPED');
    await lxc.well('start --all');
    expect(await status()).toBe('c1,RUNNING\nc2,RUNNING');
  });

  test('list knows when a machine ran last, and machines of all projects', async () => {
    // Empty for a machine that never ran.
    expect(await lxc.well('list -f csv -c l c1')).toMatch(/^20\d\d\/\d\d\/\d\d /);
    expect(await lxc.well('list -f csv -c en --all-projects')).toBe('default,c1\ndefault,c2');
  });

  test('copy, rename and move make and name machines', async () => {
    await lxc.well("exec c1 -- sh -c 'echo kept > /root/kept'");
    await lxc.well('stop c1 --force');
    await lxc.well('copy c1 c3 -c user.colour=blue');
    expect(await lxc.well('config get c3 user.colour')).toBe('blue');
    await lxc.well('rename c3 c4');
    await lxc.well('move c4 c5');
    await lxc.well('start c5');
    expect(await lxc.well('exec c5 -- cat /root/kept')).toBe('kept');
    await lxc.badly('copy c1 c5', /Error: .*c5.*exists already/);
    await lxc.badly('copy nothing c6', /Error: .*nothing/);
    await lxc.badly('rename c1 c5', /Error: .*c5/);
    await lxc.badly('move c5 c6', /Error: .*running/);
    await lxc.badly('rename nothing c6', /Error: .*nothing/);
    await lxc.well('delete c5 --force');
  });

  test('copy --refresh brings an older copy up to date', async () => {
    await lxc.well('init busybox r0');
    await lxc.well('snapshot r0 old');
    await lxc.well('snapshot r0 both');
    await lxc.well('copy r0 r1 -c user.own=yes');
    await lxc.well('file push - r0/root/fresh', { input: 'fresh' });
    await lxc.well('file push - r1/root/stale', { input: 'stale' });
    await lxc.well('delete r0/old');
    await lxc.well('snapshot r0 fresh');
    await lxc.well('copy r0 r1 --refresh');
    expect(await lxc.well('file pull r1/root/fresh -')).toBe('fresh');
    await lxc.badly('file pull r1/root/stale -', /Error: .*stale/);
    const names = JSON.parse(await lxc.well('query /1.0/instances/r1/snapshots')) as string[];
    expect(names.map((url) => url.split('/').at(-1)).sort()).toEqual(['both', 'fresh']);
    await lxc.well('start r1');
    expect(await lxc.well('exec r1 -- hostname')).toBe('r1');
    await lxc.badly('copy r0 r1 --refresh', /Error: .*running/);
    await lxc.well('copy r0 r2 --refresh');
    await lxc.well('delete r0 r1 r2 --force');
  });

  test('snapshot, restore and copy from a snapshot bring files back', async () => {
    await lxc.well('snapshot c1 first');
    await lxc.well('snapshot c1 --no-expiry');
    expect(await lxc.well('list -f csv -c S c1')).toBe('2');
    expect(await lxc.well('info c1')).toMatch(/Snapshots:[^]*first[^]*snap0/);
    await lxc.well('start c1');
    await lxc.well('exec c1 -- rm /root/kept');
    await lxc.well('restore c1 first');
    expect(await lxc.well('exec c1 -- cat /root/kept')).toBe('kept');
    await lxc.well('copy c1 c6 --instance-only');
    expect(await lxc.well('list -f csv -c S c6')).toBe('0');
    await lxc.well('delete c6');
    await lxc.well('copy c1/first c6');
    expect(await lxc.well('file pull c6/root/kept -')).toBe('kept');
    await lxc.well('rename c1/snap0 c1/second');
    await lxc.well('snapshot c1 second --reuse');
    expect(await lxc.well('config show c1/second')).toMatch(/^architecture: x86_64\n/m);
    await lxc.well('delete c1/second');
    await lxc.badly('snapshot c1 first', /Error: .*first.*exists already/);
    await lxc.badly('restore c1 nothing', /Error: .*nothing/);
    await lxc.badly('delete c1/nothing', /Error: .*nothing/);
    await lxc.badly('snapshot nothing', /Error: .*nothing/);
    await lxc.well('delete c6');
  });

  test('publish makes an image of a stopped machine, or of a snapshot', async () => {
    await lxc.badly('publish c1', /Error: .*running/i);
    const said = await lxc.well('publish c1/first --alias golden os=Busy');
    expect(said).toMatch(/^Instance published with fingerprint: [0-9a-f]{64}$/);
    await lxc.well('init golden c7');
    expect(await lxc.well('file pull c7/root/kept -')).toBe('kept');
    await lxc.well('delete c7');
    await lxc.well('publish c2 --force --alias other user.x=y');
    expect(await lxc.well('image get-property other user.x')).toBe('y');
    await lxc.badly('publish nothing', /Error: .*nothing/);
  });

  test('publish packs as it is told, else as the project or the server says', async () => {
    const packed = async (options = ''): Promise<string> => {
      const said = await lxc.well(`publish c1/first ${options}`);
      const [fingerprint = ''] = /[0-9a-f]{64}/.exec(said) ?? [];
      await lxc.well(`image export ${fingerprint} ${lxc.place}/packed`);
      await lxc.well(`image delete ${fingerprint}`);
      const [name = ''] = readdirSync(lxc.place).filter((one) => one.startsWith('packed'));
      rmSync(join(lxc.place, name));
      return name;
    };
    await lxc.badly('publish c1/first --compression rar', /Error: .*rar.*gzip/);
    expect(await packed('--compression xz')).toBe('packed.tar.xz');
    await lxc.well('config set images.compression_algorithm=bzip2');
    expect(await packed()).toBe('packed.tar.bz2');
    expect(await packed('--compression none')).toBe('packed.tar');
    await lxc.well('project set default images.compression_algorithm=gzip');
    expect(await packed()).toBe('packed.tar.gz');
    await lxc.well('project unset default images.compression_algorithm');
    await lxc.well('config unset images.compression_algorithm');
    await lxc.badly('config set images.compression_algorithm=fast', /Error: .*fast.*gzip/);
  });

  test('export and import carry a machine over, with its snapshots', async () => {
    await lxc.well('init busybox e1 -c user.e=1');
    await lxc.well('snapshot e1 first');
    await lxc.well(`export e1 ${lxc.place}/e1.tar.gz`);
    await lxc.badly(`import ${lxc.place}/e1.tar.gz`, /Error: .*e1.*exists already/);
    await lxc.well(`import ${lxc.place}/e1.tar.gz e2`);
    expect(await lxc.well('config get e2 user.e')).toBe('1');
    expect(await lxc.well('list -f csv -c S e2')).toBe('1');
    await lxc.badly('export nothing', /Error: .*nothing/);
    await lxc.well('delete e1 e2');
  });

  test('delete removes what is stopped, asks for --force else, and keeps what is protected', async () => {
    await lxc.badly('delete c1', /Error: .*running/i);
    await lxc.well('config set c1 security.protection.delete=true');
    await lxc.badly('delete c1 --force', /Error: .*security\.protection\.delete/);
    await lxc.well('config unset c1 security.protection.delete');
    await lxc.well('delete c1 c2 --force');
    await lxc.badly('delete c1', /Error: .*c1/);
    await lxc.well('launch busybox gone --ephemeral');
    await lxc.well('stop gone --force');
    await eventually(async () => {
      expect(await lxc.well('list -f csv -c n')).toBe('');
    });
  });
});
