import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { noteRun, openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { runProgram } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc', 'pylxd');
const ansible = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc', 'ansible');
const script = join(import.meta.dirname, 'programs/pylxd_managers.py');

describe('pylxd', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  /** Debian's own Python, which has Debian's pylxd. */
  const check = async (name: string): Promise<void> => {
    const { exitCode, stderr } = await runProgram(
      '/usr/bin/python3',
      ['-W', 'ignore', script, name],
      {
        env: lxc.env,
      },
    );
    noteRun('pylxd', [name], exitCode);
    expect(exitCode, stderr).toBe(0);
  };

  test('containers are made, changed, asked to run commands and deleted', () =>
    check('containers'));
  test('files are put, read and deleted, also whole trees', () => check('files'));
  test('snapshots are made, restored, renamed, published and deleted', () => check('snapshots'));
  test('images are exported, uploaded, named, changed and published', () => check('images'));
  test('profiles are made, changed, renamed and deleted', () => check('profiles'));
  test('networks are made, changed, renamed and deleted', () => check('networks'));
  test('storage pools are listed with what they hold', () => check('storage_pools'));
  test('operations are found and waited for', () => check('operations'));
  test('certificates: there are none, and the socket is trusted', () => check('certificates'));
});

describe('Ansible', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  const play = async (state: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await runProgram(
      '/usr/bin/ansible-playbook',
      ['-i', 'localhost,', '-e', `state=${state}`, join(import.meta.dirname, 'programs/play.yml')],
      { env: { ...lxc.env, ANSIBLE_HOME: join(homedir(), 'ansible'), ANSIBLE_NOCOLOR: '1' } },
    );
    expect(exitCode, `${stdout}${stderr}`).toBe(0);
    return /changed=\d+/.exec(stdout)?.[0] ?? stdout;
  };

  ansible('a play makes a profile and machines, and a second run changes nothing', async () => {
    expect(await play('started')).toBe('changed=2');
    expect(await lxc.well('list -f csv -c nsP')).toBe('a1,RUNNING,"default\nplayed"');
    expect(await play('started')).toBe('changed=0');
    expect(await play('frozen')).toBe('changed=1');
    expect(await play('restarted')).toBe('changed=1');
    expect(await play('stopped')).toBe('changed=1');
    expect(await play('stopped')).toBe('changed=0');
    expect(await play('absent')).toBe('changed=1');
    expect(await lxc.well('list -f csv -c n')).toBe('');
  });
});
