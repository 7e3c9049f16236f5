import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and projects', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
    await lxc.well('launch busybox c1');
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  test('project create, show, set, edit, rename and delete', async () => {
    await lxc.well('project create lab -c limits.instances=2');
    expect(await lxc.well('project list -f csv')).toMatch(/^lab,YES,YES,YES,NO,/m);
    expect(await lxc.well('project show lab')).toMatch(/limits\.instances: "2"/);
    expect(await lxc.well('project get lab features.images')).toBe('true');
    expect(await lxc.well('project get lab features.profiles')).toBe('true');
    await lxc.well('project set lab limits.instances=3');
    expect(await lxc.well('project get lab limits.instances')).toBe('3');
    await lxc.well('project unset lab limits.instances');
    expect(await lxc.well('project get lab limits.instances')).toBe('');
    const edited = 'config:\n  user.note: x\ndescription: of the course\n';
    await lxc.well('project edit lab', { input: edited });
    expect(await lxc.well('project show lab')).toMatch(/description: of the course/);
    await lxc.well('project rename lab course');
    expect(await lxc.well('project info course -f csv')).toMatch(/INSTANCES,UNLIMITED,0/);
    await lxc.well('project delete course');
  });

  test('machines of one project are none of another’s, also by the same name', async () => {
    await lxc.well('project create lab');
    await lxc.well('profile device add default root disk path=/ pool=default --project lab');
    await lxc.well('launch busybox c1 --project lab');
    await lxc.well('project switch lab');
    expect(await lxc.well('list -f csv -c ns')).toBe('c1,RUNNING');
    expect(await lxc.well('exec c1 -- hostname')).toBe('c1');
    await lxc.well('exec c1 -- touch /root/of-lab');
    await lxc.well('snapshot c1 first');
    expect(await lxc.well('info c1')).toMatch(/first/);
    await lxc.well('stop -f c1');
    expect(await lxc.well('list -f csv -c ns --project default')).toBe('c1,RUNNING');
    await lxc.well('start c1');
    await lxc.well('restart -f c1');
    expect(await lxc.well('file pull c1/etc/hostname -')).toBe('c1');
    await lxc.well('project switch default');
    await lxc.badly('exec c1 -- ls /root/of-lab', /No such file/);
    await lxc.badly('delete c1/first', /Error: .*first/);
    await lxc.badly('info lab_c1', /Error: .*lab_c1/);
    const everywhere = await lxc.well('list -f csv -c en --all-projects');
    expect(everywhere.split('\n').sort()).toEqual(['default,c1', 'lab,c1']);
    expect(await lxc.well('profile show default --project lab')).toMatch(
      /instances\/c1\?project=lab/,
    );
    expect(await lxc.well('profile show default')).not.toMatch(/project=lab/);
    expect(await lxc.well('operation list -f csv')).not.toMatch(/RUNNING/);
    await lxc.badly('project delete lab', /Error: .*used by c1/);
    await lxc.badly('project rename lab course', /Error: .*used by c1/);
  });

  test('monitor of a project shows what is done there', async () => {
    const here = lxc.onTerminal('monitor --type=lifecycle -f json --project lab');
    const there = lxc.onTerminal('monitor --type=lifecycle -f json');
    await eventually(async () => {
      await lxc.well('config set c1 user.tick=1');
      await lxc.well('config set c1 user.tick=2 --project lab');
      expect(here.output).toMatch(/instances\/c1\?project=lab/);
      expect(there.output).toMatch(/instances\/c1"/);
    });
    for (const monitor of [here, there]) monitor.kill('SIGTERM');
    await Promise.all([here.exitCode, there.exitCode]);
    expect(here.output).not.toMatch(/instances\/c1"/);
    expect(there.output).not.toMatch(/project=lab/);
  });

  test('copy and move take machines from one project to another', async () => {
    await lxc.well('copy c1 c2 --target-project lab');
    expect(await lxc.well('list -f csv -c n --project lab')).toBe('c1\nc2');
    await lxc.well('start c2 --project lab');
    expect(await lxc.well('exec c2 --project lab -- hostname')).toBe('c2');
    await lxc.well('stop -f c2 --project lab');
    await lxc.well('move c2 c3 --project lab --target-project default');
    expect(await lxc.well('list -f csv -c n')).toBe('c1\nc3');
    await lxc.badly('copy c1 c4 --target-project nothing', /Error: .*nothing/);
    const file = join(lxc.place, 'of-lab.tar.gz');
    await lxc.well(`export c1 ${file} --project lab`);
    await lxc.well(`import ${file} c5`);
    await lxc.well('delete c5');
    await lxc.well('restore c1 first --project lab');
    expect(await lxc.well('exec c1 --project lab -- ls /root/of-lab')).toBe('/root/of-lab');
    await lxc.well('delete c3');
  });

  test('profiles of a project are its own where it has that feature', async () => {
    await lxc.well('project create own -c features.storage.volumes=false -c features.images=false');
    expect(await lxc.well('project list -f csv')).toMatch(/^own,NO,YES,NO,/m);
    expect(await lxc.well('profile list -f csv --project own')).toMatch(/^default,[^\n]*,0$/);
    await lxc.badly('profile show strict --project own', /Error: .*not found|Error: .*strict/);
    await lxc.well('profile create big --project own');
    await lxc.well('profile set big user.size=big --project own');
    await lxc.badly('profile show big', /Error: .*big/);
    await lxc.well('init busybox o1 -p default -p big --project own');
    expect(await lxc.well('list -f csv -c nP --project own')).toBe('o1,"default\nbig"');
    expect(await lxc.well('config show o1 --expanded --project own')).toMatch(/user\.size: big/);
    expect(await lxc.well('profile show big --project own')).toMatch(/instances\/o1\?project=own/);
    await lxc.well('profile device add default root disk path=/ pool=default --project own');
    await lxc.well('profile device add default eth0 nic network=warrenbr0 --project own');
    await lxc.well('start o1 --project own');
    expect(await lxc.well('exec o1 --project own -- hostname')).toBe('o1');
    await lxc.badly('init busybox o2 -p strict --project own', /Error: .*no profile "strict"/);
    await lxc.badly('profile delete big --project own', /Error: .*used by o1/);
    await lxc.badly('project set own features.profiles=false', /Error: .*used by o1/);
    await lxc.badly('project delete own', /Error: .*used by o1, profile big/);
    await lxc.well('profile copy big huge --project own');
    await lxc.well('profile rename huge large --project own');
    await lxc.well('profile delete large --project own');
    await lxc.badly('profile delete default --project own', /Error: .*always there/);
    await lxc.well('delete -f o1 --project own');
    await lxc.well('profile delete big --project own');
    await lxc.well('project set own features.profiles=false');
    expect(await lxc.well('profile list -f csv --project own')).toMatch(/^strict,/m);
    await lxc.well('project delete own');
  });

  test('images of a project are its own where it has that feature', async () => {
    await lxc.well('project create pics -c features.profiles=false');
    const list = (project: string, columns: string): Promise<string> =>
      lxc.well(`image list -f csv -c ${columns} --project ${project}`);
    expect(await list('pics', 'l')).toBe('');
    await lxc.well('launch busybox p1 --project pics');
    expect(await list('pics', 'l')).toBe('busybox');
    const fingerprint = await list('pics', 'F');
    await lxc.well(`image alias create theirs ${fingerprint} --project pics`);
    await lxc.badly('init theirs p2', /Error: .*theirs/);
    await lxc.badly('image info theirs', /Error: .*theirs/);
    await lxc.well('image set-property busybox of pics --project pics');
    await lxc.badly('image get-property busybox of', /Error: .*not found/);
    await lxc.well('publish p1 --force --alias mine --project pics');
    await lxc.badly('launch mine m1', /Error: .*mine/);
    await lxc.well(`image export mine ${lxc.place}/mine --project pics`);
    const [file = ''] = readdirSync(lxc.place).filter((name) => name.startsWith('mine'));
    await lxc.well(`image import ${lxc.place}/${file} --alias mine`);
    await lxc.well('image delete mine');
    await lxc.well('project switch pics');
    const copy = 'image copy mine local: --target-project default --alias mine';
    await lxc.badly(copy, /Error: .*not on the network/);
    await lxc.well(`${copy} --mode relay`);
    await lxc.well('project switch default');
    await lxc.well('image delete mine --project pics');
    expect(await list('pics', 'l')).not.toContain('mine');
    await lxc.well('launch mine m1');
    expect(await lxc.well('exec m1 -- hostname')).toBe('m1');
    await lxc.well('delete -f m1');
    await lxc.well('image delete mine');
    await lxc.badly('project set pics features.images=false', /Error: .*used by p1, image/);
    await lxc.well('delete -f p1 --project pics');
    await lxc.badly('project delete pics', /Error: .*used by image/);
    await lxc.well(`image delete ${fingerprint} --project pics`);
    await lxc.well('project delete pics');
    await lxc.well('launch busybox m2');
    await lxc.well('delete -f m2');
  });

  test('storage volumes of a project are its own where it has that feature', async () => {
    await lxc.well('project create disks -c features.profiles=false -c features.images=false');
    expect(await lxc.well('project list -f csv')).toMatch(/^disks,NO,NO,YES,/m);
    await lxc.well('storage volume create default data --project disks');
    await lxc.badly('storage volume create default data --project disks', /Error: .*data/);
    await lxc.badly('storage volume show default data', /Error: .*data/);
    await lxc.well('storage volume create default data');
    await lxc.well('launch busybox v1 --project disks');
    await lxc.well('storage volume attach default data v1 /data --project disks');
    await lxc.well('storage volume attach default data c1 /data');
    await lxc.well('exec v1 --project disks -- touch /data/of-disks');
    expect(await lxc.well(`exec c1 -- sh -c 'ls /data'`)).toBe('');
    await lxc.well('restart -f v1 --project disks');
    expect(await lxc.well('exec v1 --project disks -- ls /data')).toBe('of-disks');
    await lxc.badly('storage volume delete default data --project disks', /Error: .*used by v1/);
    await lxc.well('storage volume snapshot default data s1 --project disks');
    await lxc.well(
      'storage volume copy default/data default/more --project disks --target-project default',
    );
    expect(await lxc.well('storage volume list default type=custom -f csv -c n')).toMatch(/more/);
    await lxc.well('delete -f v1 --project disks');
    await lxc.badly('project delete disks', /Error: .*used by volume data/);
    await lxc.well('storage volume delete default data --project disks');
    await lxc.well('project delete disks');
    await lxc.well('storage volume detach default data c1');
    for (const volume of ['data', 'more'])
      await lxc.well(`storage volume delete default ${volume}`);
  });

  test('limits of a project hold its machines', async () => {
    await lxc.badly('project set lab limits.memory=1GiB', /Error: .*limits\.memory allows 1 GiB/);
    await lxc.well('project set lab limits.instances=1');
    await lxc.badly('init busybox c5 --project lab', /Error: .*limits\.instances allows 1/);
    await lxc.badly('copy c1 c5 --target-project lab', /Error: .*limits\.instances allows 1/);
    await lxc.well('init busybox c5');
    expect(await lxc.well('project info lab -f csv')).toMatch(/INSTANCES,1,1/);
    // Not every host can hold a limit of a machine that runs.
    await lxc.well('stop -f c1 --project lab');
    await lxc.well('config set c1 limits.memory=256MiB --project lab');
    await lxc.well('project set lab limits.memory=512MiB');
    await lxc.badly(
      'config set c1 limits.memory=1GiB --project lab',
      /Error: .*limits\.memory allows 512 MiB/,
    );
  });

  test('project says what is wrong', async () => {
    for (const line of [
      'project create lab',
      'project create a_b',
      'project create other -c features.networks=true',
      'project create other -c restricted=true',
      'project create other -c nonsense=1',
      'project show nothing',
      'project set nothing limits.instances=1',
      'project set lab limits.instances=many',
      'project unset nothing limits.instances',
      'project rename nothing other',
      'project rename default other',
      'project delete nothing',
      'project delete default',
      'project switch nothing',
      'list --project nothing',
    ]) {
      await lxc.badly(line, /Error: /);
    }
    await lxc.badly('project edit nothing', /Error: /, { input: 'config: {}\n' });
    await lxc.well('delete -f c1 --project lab');
    await lxc.badly('project delete lab', /Error: .*used by image/);
    await lxc.well('image delete busybox --project lab');
    await lxc.well('project delete lab');
  });
});
