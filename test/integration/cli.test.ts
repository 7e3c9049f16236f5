import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { catalogue, type ErrorCode } from '../../src/contract/errors.ts';
import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';

/* Every group of commands, once well and once badly. The lines of `well` build on one another. */
let line: CommandLine;

beforeAll(async () => {
  line = await openCommandLine();
  writeFileSync(join(line.place, 'page'), 'hello\n');
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
});

/** HERE stands for the directory of the test. */
const words = (text: string): string[] =>
  text.split(' ').map((word) => word.replace('HERE', line.place));

const silent = /^$/;

describe('goes well:', () => {
  const well: readonly (readonly [text: string, says: RegExp])[] = [
    [
      'launch base web -p strict -c user.a=b',
      /^web is running \(booted in .*next: warren shell web\n$/,
    ],
    ['init base db', /^db is created +next: warren start db\n$/],
    ['list', /^NAME +STATE .*\ndb +stopped .*\nweb +running +- +fake\/1 +strict .*\n$/],
    ['info web', /^web {2}● running since .*\n {2}image +fake\/1 .*\n/],
    ['exec web -- echo hi', /^hi\n$/],
    ['config set web user.note=hello', silent],
    ['config get web user.note', /^hello\n$/],
    ['config show web', /^config:\n(.*\n)* {2}user.note: hello\n/m],
    ['config unset web user.note', silent],
    ['config get web user.note', /^\n?$/],
    ['config device add web http proxy listen=tcp:127.0.0.1:8080 connect=tcp:127.0.0.1:80', silent],
    ['config device set web http connect=tcp:127.0.0.1:81', silent],
    ['config device get web http connect', /^tcp:127.0.0.1:81\n$/],
    ['config device list web', /^http +proxy +instance +connect=tcp:127.0.0.1:81 listen=/m],
    ['config device remove web http', silent],
    ['config device show web', /^\{\}\n$/],
    ['config template list db', /^There are no templates/],
    ['config template create db motd.tpl', silent],
    ['config template show db motd.tpl', silent],
    ['config template list db', /^motd\.tpl +- +never$/m],
    ['config metadata show db', /^properties:\n(.*\n)*templates: \{\}\n$/m],
    ['config template delete db motd.tpl', silent],
    ['profile create extra', silent],
    ['profile set extra user.x=y', silent],
    ['profile copy extra other', silent],
    ['profile rename other third', silent],
    ['profile get third user.x', /^y\n$/],
    ['profile device add third eth1 none', silent],
    ['profile show third', /^devices:\n {2}eth1:\n {4}type: none\n$/m],
    ['profile delete third', silent],
    ['profile assign db default,extra', silent],
    ['profile remove db extra', silent],
    ['profile list', /^default .* 1\n(.*\n)*extra .* 0\n/m],
    ['list ^d -c n --format csv', /^db\n$/],
    ['list (web|db) -c n -f csv', /^db\nweb\n$/],
    ['list local: -c n -f csv', /^db\nweb\n$/],
    ['snapshot create db zeroth', silent],
    ['snapshot rename db zeroth nought', silent],
    ['snapshot list db', /^NAME .*\nnought +just now +- +\S.*\n$/],
    ['snapshot restore db nought', silent],
    ['snapshot rename db/nought zilch', silent],
    ['snapshot restore db/zilch', silent],
    ['snapshot create db/other', silent],
    ['snapshot delete db/zilch db/other db/zilch', silent],
    ['snapshot create db zeroth', silent],
    ['snapshot delete db zeroth', silent],
    ['snapshot list db', /^There are no snapshots of db/],
    ['snapshot db first', silent],
    ['info db', /^ {2}snapshots +first \(/m],
    [
      'info db/first',
      /^db\/first {2}taken just now\n {2}image +fake\/1 .*\n {2}profiles +default\n/,
    ],
    ['snapshot show db first', /^name: first\n(.*\n)*profiles:\n {2}- default\n/],
    ['snapshot show db/first -e', /^devices:\n(.*\n)* {2}root:\n/m],
    ['config show db/first', /^name: first$/m],
    ['config get db/first image.release', /^1\n$/],
    ['restore db first', silent],
    ['restore db/first', silent],
    ['copy db/first db2', silent],
    ['rename db2 db3', silent],
    ['delete db3 db/first', silent],
    ['pause web', silent],
    ['list -c s web', /^STATE\nfrozen\n$/],
    ['resume web', silent],
    ['snapshot web s0', /^web\/s0 is taken, .*frozen/],
    ['restore web s0', /^web is as it was at s0, and was restarted for it\n$/],
    ['snapshot delete web s0', silent],
    ['stop web --force', silent],
    ['start web', /^web is running/],
    ['restart web --force', /^web is running/],
    ['file push HERE/page web/root/page', silent],
    ['file pull web/root/page HERE/back', silent],
    ['file delete web/root/page', silent],
    ['file mkdir web/srv', silent],
    ['file mkdir -p web/srv/a/b web/srv/a', silent],
    ['file create web/srv/a/empty --mode 0600', silent],
    ['file create -p web/srv/c/link ../a/empty', silent],
    ['file create -f web/srv/c/link b', silent],
    ['file create web/srv/d/', silent],
    ['exec web -- echo hi', /^hi\n$/],
    ['query /1.0/instances/web/files?path=/srv', /"a",\n *"c",\n *"d"/],
    ['file delete web/srv/d', silent],
    ['file delete -r web/srv', silent],
    ['console web --show-log', /^/],
    ['publish db --alias mine', /^mine is an image \([0-9a-f]{12}\)/],
    ['image alias create other mine', silent],
    ['image alias rename other another', silent],
    ['image alias list', /^another +[0-9a-f]{12}/m],
    ['image info another', /^ {2}aliases +another, mine$/m],
    ['image list', /^base +[0-9a-f]{12} +Fake 1 .*\nanother/m],
    ['image export mine HERE/exported', /exported\.tar\n$/],
    ['image delete mine', silent],
    ['network create br1 ipv4.address=10.99.0.1/24', silent],
    ['network set br1 ipv4.nat=false', silent],
    ['network rename br1 br2', silent],
    ['network show br2', /^ {2}ipv4.nat: "false"$/m],
    ['network attach br2 web', silent],
    ['network attach br2 web second eth5', silent],
    ['config device show web', /^br2:\n {2}network: br2\n {2}type: nic\nsecond:\n {2}name: eth5\n/],
    ['network info br2', /^ {2}machines +web/m],
    ['network detach br2 web second', silent],
    ['network detach br2 web', silent],
    ['network attach-profile br2 extra br2', silent],
    ['profile device list extra', /^br2 +nic +profile +network=br2$/m],
    ['network detach-profile br2 extra', silent],
    ['network delete br2', silent],
    ['network list', /^warrenbr0 +bridge +10\.\S+ +yes/m],
    ['network list-leases warrenbr0', /^Nobody has an address\.\n$/],
    ['storage info default', /^default\n {2}space /],
    ['project create lab -c limits.instances=1', silent],
    ['project set lab limits.processes=900', silent],
    ['project unset lab limits.processes', silent],
    ['project get lab limits.instances', /^1\n$/],
    ['project show lab', /^ {2}limits\.instances: "1"$/m],
    ['--project lab list', /next: warren --project lab launch debian\/12 web$/m],
    ['--project lab init base web', /^web is created +next: warren --project lab start web\n$/],
    ['project list', /^default \* .*\nlab .* instances=1 +1\n$/m],
    ['project switch lab', silent],
    ['list -c n', /^NAME\nweb\n$/],
    ['info web', /^web {2}/],
    ['snapshot web here', silent],
    ['list --all-projects -c en', /^default +db\n(.*\n)*lab +web\n/m],
    ['operation list', /Creating instance|Snapshotting instance/],
    ['list --project default -c n', /^NAME\ndb\nweb\n$/],
    ['project info lab', /^instances +1 +1$/m],
    ['move web moved --target-project default', silent],
    ['delete moved --project default', silent],
    ['copy db web --target-project lab --project default', silent],
    ['delete web', silent],
    ['project rename lab course', silent],
    ['list', /^There are no machines yet/],
    ['project delete course', silent],
    ['list -c n', /^NAME\ndb\nweb\n$/],
    ['storage volume create default data user.note=mine', silent],
    ['storage volume create default spare size=1GiB', silent],
    ['storage volume attach default data web /srv/data', silent],
    ['storage volume attach-profile default data extra files /srv', silent],
    ['storage volume list', /^custom +data +2\ncustom +spare +0\n$/m],
    ['storage volume list -a', /^container +web +1$/m],
    ['config device show web', /^data:\n {2}path: \/srv\/data\n {2}pool: default\n/m],
    ['storage volume detach default data web', silent],
    ['storage volume detach-profile default data extra files', silent],
    ['storage volume get default data user.note', /^mine\n$/],
    ['storage volume set default data user.note=ours size=2GiB', silent],
    ['storage volume unset default data user.note', silent],
    ['storage volume show default data', /^config:\n {2}size: 2GiB\n/m],
    ['storage volume snapshot default data', /^data\/snap0 is taken\n$/],
    ['storage volume snapshot default data first', silent],
    ['storage volume snapshot default data first --reuse', silent],
    ['storage volume rename default data/snap0 data/zero', silent],
    ['storage volume info default data', /^ {2}snapshots +zero \(.*, first \(/m],
    ['storage volume copy default/data default/copy', silent],
    ['storage volume move default/copy default/moved', silent],
    ['storage volume rename default moved copy', silent],
    ['storage volume restore default data first', silent],
    ['storage volume delete default data/zero copy/first', silent],
    ['storage volume delete default data copy spare', silent],
    ['storage volume list', /^There are no volumes/],
    ['daemon status', /^warren \S+ {2}● running since/],
    ['daemon logs -n 1', /^\S+Z info {2}instance started/],
    ['operation list', /^ID +DESCRIPTION .*\n(.*\n)*[0-9a-f]{8} +\S.* +success +/],
    ['warning list', /^There are no warnings/],
    ['warning delete --all', silent],
    ['query /1.0/profiles/extra', /"user.x": "y"/],
    ['version', /^Client version: \S+\nServer version: \S+\n$/],
    ['help limits', /^Limits hold a machine/],
    ['delete db web --force', silent],
    ['list', /^There are no machines yet/],
  ];

  test.each(well)('warren %s', async (text, says) => {
    const { exitCode, stdout, stderr } = await line.run(words(text));
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(says);
  });

  test('and what went into a machine came out again', () => {
    expect(readFileSync(join(line.place, 'back'), 'utf8')).toBe('hello\n');
  });
});

test('aliases stand for commands, and go where they are told', async () => {
  const ok = async (...given: string[]): Promise<string> => {
    const { exitCode, stdout, stderr } = await line.run(given);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    return stdout;
  };
  await ok('alias', 'add', 'nets', 'network list --format csv');
  await ok('alias', 'add', 'keyof', "profile get @ARGS@ 'user.x'");
  expect(await ok('nets')).toMatch(/^warrenbr0,/m);
  expect(await ok('keyof', 'extra')).toBe('y\n');
  await ok('alias', 'rename', 'keyof', 'x-of');
  expect(await ok('alias', 'list')).toMatch(/^x-of +profile get @ARGS@ 'user.x'$/m);
  await ok('alias', 'remove', 'x-of');
  await ok('alias', 'remove', 'nets');
  expect((await line.run(['nets'])).stderr).toMatch(/Cannot find command "nets"/);
});

test('a new machine costs no more requests than its answer wants', async () => {
  const asked = async (...given: string[]): Promise<number> => {
    const { stderr, stdout } = await line.run(['--debug', ...given]);
    expect(stdout).toContain('asked');
    return stderr.match(/^> GET \/1\.0\/instances\/asked/gm)?.length ?? 0;
  };
  expect(await asked('init', 'base', 'asked')).toBe(0);
  await line.run(['delete', 'asked']);
  expect(await asked('init', 'base', 'asked', '--format', 'json')).toBe(1);
  await line.run(['delete', 'asked']);
});

test('warnings are shown, acknowledged and deleted', async () => {
  const { store } = line.daemon.context.engine;
  const warning = { type: 'Test', severity: 'low', entity: 'instance x', message: 'odd' } as const;
  store.warnings.raise(warning, Date.now());
  const shown = await line.run(['warning', 'list']);
  const id = /^([0-9a-f]{8}) +low +(?:-|default) +Test +odd +1 /m.exec(shown.stdout)?.[1] ?? 'none';
  expect((await line.run(['warning', 'show', id])).stdout).toMatch(/^last_message: odd$/m);
  expect(await line.run(['warning', 'acknowledge', id])).toMatchObject({ exitCode: 0 });
  expect((await line.run(['warning', 'list'])).stdout).toMatch(/^There are no warnings/);
  expect((await line.run(['warning', 'list', '--all'])).stdout).toContain(id);
  expect(await line.run(['warning', 'delete', id])).toMatchObject({ exitCode: 0 });
  expect((await line.run(['warning', 'list', '--all'])).stdout).toMatch(/^There are no warnings/);
});

describe('goes badly:', () => {
  const badly: readonly (readonly [text: string, code: ErrorCode | 'usage', says: RegExp])[] = [
    ['launch nothing web', 'not_found', /Cannot find image "nothing"\ntry: {3}warren image list/],
    ['init base -web', 'usage', /-web/],
    ['init base ..', 'invalid', /name/],
    ['list -c nQ', 'usage', /Q/],
    ['list --format xml', 'usage', /xml/],
    ['info nobody', 'not_found', /Cannot find instance "nobody"\ntry: {3}warren list/],
    ['exec nobody -- true', 'not_found', /nobody/],
    ['exec nobody', 'usage', /COMMAND/],
    ['config set nobody user.a=b', 'not_found', /nobody/],
    ['config set nobody', 'usage', /KEY/],
    ['config set core.https_address :8443', 'invalid', /"core.https_address" is not supported/],
    ['list images:', 'usage', /no remote "images"/],
    ['config get nobody', 'usage', /KEY is missing\ntry: {3}warren config get nobody KEY/],
    ['delete', 'usage', /INSTANCE is missing\ntry: {3}warren delete INSTANCE…/],
    ['config device add nobody http proxy', 'not_found', /nobody/],
    ['profile set default limits.memory=lots', 'invalid', /limits.memory: .*lots/],
    ['profile set default limits.memroy=1GiB', 'invalid', /limits\.memory/],
    ['network attach warrenbr0 web/first', 'usage', /web\/first: a snapshot stays as it was taken/],
    ['network detach warrenbr0 web/first', 'usage', /web\/first: a snapshot stays as it was taken/],
    ['storage volume attach default v web/first /p', 'usage', /stays as it was taken/],
    ['config device add web/first x none', 'usage', /stays as it was taken/],
    ['config metadata show nobody', 'not_found', /nobody/],
    ['config template list nobody', 'not_found', /nobody/],
    ['config template create nobody a.tpl', 'not_found', /nobody/],
    ['profile create default', 'exists', /profile "default"/],
    ['profile device add default x gpu', 'invalid', /gpu/],
    ['profile delete nothing', 'not_found', /profile "nothing"/],
    ['snapshot nobody', 'not_found', /nobody/],
    ['restore nobody first', 'not_found', /nobody/],
    ['restore nobody', 'usage', /which snapshot of nobody.*\ntry: {3}warren snapshot list nobody/],
    ['snapshot show nobody first', 'not_found', /nobody/],
    ['info nobody/first', 'not_found', /nobody/],
    ['info nobody/first/x', 'usage', /INSTANCE\/SNAPSHOT/],
    [
      'config set nobody/first user.a=b',
      'usage',
      /stays as it was taken.*\ntry: {3}warren config edit/,
    ],
    ['project show nothing', 'not_found', /project "nothing"\ntry: {3}warren project list/],
    ['project create a_b', 'invalid', /a_b/],
    ['project create other -c features.networks=true', 'invalid', /shared by all projects/],
    ['project delete default', 'forbidden', /always there/],
    ['project switch nothing', 'not_found', /nothing/],
    ['list --project nothing', 'not_found', /nothing/],
    ['--project nothing list', 'not_found', /nothing/],
    ['storage volume show default nothing', 'not_found', /nothing/],
    ['storage volume create nothing v', 'not_found', /storage pool "nothing"/],
    ['storage volume create default v block.filesystem=ext4', 'invalid', /not supported/],
    ['storage volume attach default nothing x /y', 'not_found', /x/],
    ['storage volume attach default nothing x y', 'usage', /absolute path/],
    ['storage volume rename default a/b c', 'usage', /snapshot/],
    ['storage volume restore default nothing x', 'not_found', /nothing/],
    ['storage volume copy default/nothing default/x', 'not_found', /nothing/],
    ['alias add list info', 'usage', /a command of that name/],
    ['alias add x nothing', 'usage', /no command of warren/],
    ['alias remove nothing', 'not_found', /alias "nothing"/],
    ['warning show nothing', 'not_found', /warning "nothing"/],
    ['warning delete', 'usage', /--all/],
    [
      'create base x -d eth0,ipv4.address=1.2.3.4',
      'invalid',
      /1\.2\.3\.4 is not in network warrenbr0/,
    ],
    ['create base x -c volatile.foo=1', 'usage', /volatile\.foo: volatile\.\* are warren's own/],
    ['config set one volatile.foo=1', 'usage', /volatile\.foo: .* wanted a key such as user\.NAME/],
    ['config set one volatile.foo 1', 'usage', /Cannot change volatile\.foo/],
    ['config unset one volatile.uuid', 'usage', /Cannot change volatile\.uuid/],
    ['copy nobody other', 'not_found', /nobody/],
    ['start nobody', 'not_found', /nobody/],
    ['delete nobody', 'not_found', /nobody/],
    ['file push HERE/page nobody/root/', 'not_found', /nobody/],
    ['file push HERE/absent nobody/root/', 'not_found', /absent: .* such file\ntry: {3}ls -la \//],
    ['file pull nobody/absent .', 'not_found', /instance "nobody"\ntry: {3}warren list/],
    ['file mkdir nobody/srv', 'not_found', /nobody/],
    ['file create nobody/srv --type symlink', 'usage', /what it points to/],
    ['file create nobody/srv x --type file', 'usage', /only symbolic links/],
    ['file delete -r nobody/srv', 'not_found', /nobody/],
    ['console nobody', 'usage', /this is no terminal/],
    ['publish nobody', 'not_found', /nobody/],
    ['image import HERE/absent', 'not_found', /absent: there is no such file/],
    ['export one/first', 'usage', /one\/first alone: .*\ntry: {3}warren copy one\/first NAME/],
    [
      'storage volume export default v/s',
      'usage',
      /v\/s alone: .*\ntry: {3}warren storage volume copy default\/v\/s default\/NAME/,
    ],
    ['export one HERE/image', 'exists', /file ".*image".*\ntry: {3}the same with --force/],
    ['image import HERE/hostile', 'hostile', /it says that it is hostile/],
    [
      'image import HERE/image',
      'exists',
      /image "[0-9a-f]{12}".*\ntry: {3}warren image alias create NAME [0-9a-f]{12}\n/,
    ],
    ['image delete nothing', 'not_found', /image "nothing"\ntry: {3}warren image list/],
    ['image info bsae', 'not_found', /image "bsae"; the nearest.*\ntry: {3}warren image info base/],
    ['image alias delete nothing', 'not_found', /try: {3}warren image alias list/],
    ['network create warrenbr0', 'exists', /network "warrenbr0"/],
    ['network set warrenbr0 ipv4.address=10.0.0.300/24', 'invalid', /10\.0\.0\.300/],
    ['network attach nothing', 'usage', /INSTANCE is missing/],
    ['network attach warrenbr0 nobody', 'not_found', /instance "nobody"/],
    ['network detach warrenbr0 nobody', 'not_found', /instance "nobody"/],
    [
      'network attach-profile warrenbr0 default eth0',
      'exists',
      /Cannot add device "eth0" to default: .*\ntry: {3}warren profile device list default/,
    ],
    [
      'network detach-profile warrenbr0 extra',
      'not_found',
      /device with network "warrenbr0" of extra\ntry: {3}warren profile device list extra/,
    ],
    ['storage show nothing', 'not_found', /storage pool "nothing"/],
    ['operation show 1234', 'not_found', /operation "1234"\ntry: {3}warren operation list/],
    ['monitor --type nothing', 'usage', /wanted one of operation, lifecycle, logging/],
    ['query /1.0/nothing', 'not_found', /API path for GET.*\ntry: {3}warren query \/1.0/],
    ['doctor cgruop', 'not_found', /nearest name is "cgroup"\ntry: {3}warren doctor cgroup/],
    ['daemon logs -n many', 'usage', /many/],
    ['completion tcsh', 'usage', /bash, zsh or fish/],
    ['help limit', 'usage', /limits/],
    ['lunch base web', 'usage', /launch/],
    ['list --colour', 'usage', /colour/],
  ];

  beforeAll(() => {
    writeFileSync(join(line.place, 'hostile'), 'hostile');
  });

  test.each(badly)('warren %s', async (text, code, says) => {
    const { exitCode, stdout, stderr } = await line.run(words(text));
    expect({ exitCode, stdout }, stderr).toEqual({
      exitCode: code === 'usage' ? 2 : catalogue[code].exit,
      stdout: '',
    });
    expect(stderr).toMatch(/^error: [^\n]+[^.\n]\n(try: {3}[^\n]+\n)?$/);
    expect(stderr).toMatch(says);
  });

  test('several at once, each with a sentence of its own', async () => {
    const { exitCode, stderr } = await line.run(['start', 'x', 'y']);
    expect(exitCode).toBe(4);
    expect(stderr.match(/^error: Cannot find instance "[xy]"$/gm)).toHaveLength(2);
  });
});
