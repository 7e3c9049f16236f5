import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { catalogue } from '../../src/contract/errors.ts';
import { openCommandLine, type CommandLine } from '../helpers/command-line.ts';
import { cli, runProgram } from '../helpers/warren.ts';

/* What is edited or given on standard input, and files that are made. */
let line: CommandLine;

beforeAll(async () => {
  line = await openCommandLine();
  await run('init base web');
  await run('profile create lab');
  await run('storage volume create default data');
});
afterAll(async () => {
  await line[Symbol.asyncDispose]();
});

const run = (text: string, input = '') => line.run(text.split(' '), { input });

test('templates of a machine are written, and what is made of them is said in its metadata', async () => {
  expect(await run('init base tpl')).toMatchObject({ exitCode: 0 });
  expect(await run('config template create tpl a.tpl')).toMatchObject({ exitCode: 0 });
  expect(await run('config template edit tpl a.tpl', 'hello\n')).toMatchObject({ exitCode: 0 });
  expect(await run('config template show tpl a.tpl')).toMatchObject({ stdout: 'hello\n' });
  expect(await run('config template edit tpl a.tpl')).toMatchObject({
    exitCode: 2,
    stderr:
      'error: Cannot change template "a.tpl" of tpl: standard input is empty\n' +
      'try:   warren config template edit --help\n',
  });
  expect(await run('config template show tpl a.tpl')).toMatchObject({ stdout: 'hello\n' });
  expect(await run('config template create tpl p.tpl', 'piped\n')).toMatchObject({ exitCode: 0 });
  expect(await run('config template show tpl p.tpl')).toMatchObject({ stdout: 'piped\n' });
  const entry = '{ when: [start], template: a.tpl, create_only: true, properties: {} }';
  const edited = await run('config metadata edit tpl', `templates: { /etc/a: ${entry} }`);
  expect(edited).toMatchObject({ exitCode: 0, stderr: '' });
  expect((await run('config template list tpl')).stdout).toMatch(
    /^a\.tpl +\/etc\/a +at start, when it is not there$/m,
  );
  const again = await run('config template create tpl a.tpl');
  expect(again).toMatchObject({ exitCode: catalogue.exists.exit });
  expect(again.stderr).toBe(
    'error: Cannot add template "a.tpl" to tpl: it has one of that name already\n' +
      'try:   warren config template list tpl\n',
  );
  const absent = await run('config template show tpl b.tpl');
  expect(absent.stderr).toBe(
    'error: Cannot find template "b.tpl" of tpl\ntry:   warren config template list tpl\n',
  );
  expect((await run('config metadata edit tpl', 'architecture: abacus')).stderr).toMatch(/abacus/);
  expect(await run('delete tpl')).toMatchObject({ exitCode: 0 });
});

test.each([
  [
    'profile edit lab',
    'confg: {}',
    /Cannot change lab: unknown key "confg"; the nearest is config/,
  ],
  ['config edit web', 'profile: []', /Cannot change web: unknown key "profile"; .* profiles/],
  ['config edit', 'confg: {}', /Cannot change warren: unknown key "confg"; the nearest is config/],
  ['network edit warrenbr0', 'descripton: x', /unknown key "descripton"; the nearest is descrip/],
  ['project edit default', 'cofnig: {}', /unknown key "cofnig"; the nearest is config/],
  ['storage volume edit default data', 'size: 1GiB', /unknown key "size"; wanted .*config/],
  ['config metadata edit web', 'propertes: {}', /unknown key "propertes"; the nearest is prop/],
  ['image edit base', 'propertes: {}', /unknown key "propertes"; the nearest is properties/],
  ['config edit web', '- limits', /unknown key "0"/],
])('warren %s < %s is refused', async (text, input, says) => {
  const { exitCode, stderr } = await run(text, input);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: expect.stringMatching(says) as string,
  });
});

test('what another program shows of an object is taken back', async () => {
  for (const [path, edit] of [
    ['/1.0/profiles/lab', 'profile edit lab'],
    ['/1.0/instances/web', 'config edit web'],
    ['/1.0/networks/warrenbr0', 'network edit warrenbr0'],
    ['/1.0/projects/default', 'project edit default'],
    ['/1.0/storage-pools/default', 'storage edit default'],
    ['/1.0/storage-pools/default/volumes/custom/data', 'storage volume edit default data'],
  ] as const) {
    const { stdout } = await run(`query ${path}`);
    const whole = { ...(JSON.parse(stdout) as object), project: 'default', location: 'none' };
    expect(await run(edit, JSON.stringify(whole))).toMatchObject({ exitCode: 0, stderr: '' });
  }
});

test('a link to a directory is one for mkdir -p; no directory is replaced by a file', async () => {
  const good = { exitCode: 0, stderr: '' };
  expect(await run('file mkdir web/real')).toMatchObject(good);
  expect(await run('file create web/link real')).toMatchObject(good);
  expect(await run('file mkdir -p web/link')).toMatchObject(good);
  const refused = await run('file create -f web/real');
  expect(refused.exitCode).toBe(catalogue.wrong_state.exit);
  expect(refused.stderr).toBe(
    'error: Cannot replace web/real: it is a directory, wanted a file or a link\n' +
      'try:   warren file delete -r web/real\n',
  );
  expect(await run('file create -f web/link')).toMatchObject(good);
});

test('a loop over a list of names has each of them, whatever is run in it', async () => {
  const list = join(line.place, 'names');
  writeFileSync(list, 'anna\nbert\n');
  const command = `while read name; do "${process.execPath}" "${cli}" init base "$name"; done < "${list}"`;
  const env = { WARREN_DIR: line.daemon.dir };
  const { exitCode, stdout } = await runProgram('sh', ['-c', command], { env });
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(/^anna is created .*\nbert is created .*\n$/);
  expect(await run('delete anna bert')).toMatchObject({ exitCode: 0 });
});

test('a profile is made of what comes through a pipe, and of nothing without keys', async () => {
  expect(await run('profile create piped', 'config: { user.a: b }')).toMatchObject({ exitCode: 0 });
  expect((await run('profile get piped user.a')).stdout).toBe('b\n');
  for (const input of ['just words', '- a\n- b']) {
    const { exitCode, stderr } = await run('profile create other', input);
    expect([exitCode, stderr]).toEqual([
      2,
      'error: Cannot use what is on standard input: wanted YAML with keys, or nothing\n' +
        'try:   the same command with </dev/null\n',
    ]);
  }
  expect(await run('profile delete piped', '')).toMatchObject({ exitCode: 0 });
});

test.each(['init base other', 'profile create other'])(
  'warren %s < FILE knows its keys',
  async (text) => {
    const file = join(line.place, 'given.yaml');
    writeFileSync(file, 'confg: {}\n');
    const command = `"${process.execPath}" "${cli}" ${text} < "${file}"`;
    const env = { WARREN_DIR: line.daemon.dir };
    const { exitCode, stderr } = await runProgram('sh', ['-c', command], { env });
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(
      /^error: Cannot create .*other: unknown key "confg"; the nearest is config$/m,
    );
  },
);

test('export replaces a file that is there only when it is told to', async () => {
  const file = join(line.place, 'web.tar');
  writeFileSync(file, 'precious');
  expect(await run(`export web ${file}`)).toMatchObject({ exitCode: catalogue.exists.exit });
  expect(readFileSync(file, 'utf8')).toBe('precious');
  expect(await run(`export web ${file} --force`)).toMatchObject({ exitCode: 0 });
  expect(readFileSync(file, 'utf8')).toMatch(/index/);
  const volume = `storage volume export default data ${file}`;
  expect(await run(volume)).toMatchObject({ exitCode: catalogue.exists.exit });
  expect(await run(`${volume} -f`)).toMatchObject({ exitCode: 0 });
});

test('what is shown has its keys and devices by name', async () => {
  await run('profile set lab user.m=1');
  await run('init base sorted -p default -p lab -c user.z=1 -c user.a=1');
  const { stdout } = await run('config show sorted --expanded');
  const keys = [...stdout.matchAll(/^ {2}([\w.]+):/gm)].map(([, key]) => key);
  const config = keys.slice(0, keys.indexOf('eth0'));
  expect(config).toEqual(expect.arrayContaining(['user.a', 'user.m', 'user.z']));
  expect(config).toEqual([...config].sort());
  expect(keys.slice(config.length)).toEqual(['eth0', 'root']);
  const features = [...(await run('project show default')).stdout.matchAll(/features.\w+/g)];
  expect(features.map(String)).toEqual([...features.map(String)].sort());
});

test('what a change of a profile leaves for the next start of machines is said', async () => {
  await run('init base runs -p default -p lab');
  await run('init base rests -p default -p lab');
  await run('start runs');
  expect(await run('profile set lab user.x=1')).toMatchObject({ exitCode: 0, stderr: '' });
  const says = /^warning: the change of security.nesting takes effect at the next start of runs\n$/;
  const { stderr } = await run('profile set lab security.nesting=true');
  expect(stderr).toMatch(says);
  const edited = await run('profile edit lab', 'config: {}\n');
  expect(edited.stderr).toMatch(says);
  const own = await run('config edit runs', 'config: {security.nesting: "true"}\n');
  expect(own.stderr).toMatch(/security.nesting of runs takes effect at the next start/);
});
