import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { needs } from '../helpers/needs.ts';
import { openStockClient, type StockClient } from '../helpers/stock-client.ts';
import { eventually } from '../helpers/warren.ts';

const test = needs('userns', 'overlay', 'crun', 'network', 'tun', 'lxc');

describe('lxc and commands in a machine', () => {
  let lxc: StockClient;

  beforeAll(async () => {
    lxc = await openStockClient();
    await lxc.well('launch busybox c1');
  });
  afterAll(async () => {
    await lxc[Symbol.asyncDispose]();
  });

  const processes = (): Promise<string> => lxc.well('exec c1 -- ps -o args');

  test('exec gives back exit codes, both outputs and takes input', async () => {
    const run = await lxc.run("exec c1 -- sh -c 'cat; echo err >&2; exit 7'", { input: 'in\n' });
    expect(run).toMatchObject({ exitCode: 7, stdout: 'in\n', stderr: 'err\n' });
    expect(await lxc.run("exec c1 -- sh -c 'kill -9 $$'")).toMatchObject({ exitCode: 137 });
    expect(await lxc.run('exec c1 -- /no/such')).toMatchObject({ exitCode: 127 });
    expect(await lxc.run('exec c1 -- /etc/passwd')).toMatchObject({ exitCode: 126 });
    const input = 'x'.repeat(3_000_000);
    expect(await lxc.well('exec c1 -- wc -c', { input })).toBe('3000000');
    const { stdout } = await lxc.run('exec c1 -- head -c 3000000 /dev/zero');
    expect(stdout.length).toBe(3_000_000);
  });

  test('exec has user, group, directory and environment as asked', async () => {
    const words = '--user 33 --group 34 --cwd /tmp --env GREETING=hello';
    const script = "'echo $(id -u) $(id -g) $(pwd) $GREETING'";
    expect(await lxc.well(`exec c1 ${words} -- sh -c ${script}`)).toBe('33 34 /tmp hello');
    expect(await lxc.well("exec c1 -- sh -c 'echo $HOME $USER $PWD'")).toBe('/root root /root');
    await lxc.well('config set c1 environment.FROM=config');
    expect(await lxc.well("exec c1 -- sh -c 'echo $FROM'")).toBe('config');
  });

  test('exec says what is wrong', async () => {
    await lxc.badly('exec nothing -- true', /Error: .*nothing/);
    const lost = await lxc.run('exec c1 --cwd /no/where -- true');
    expect(lost.exitCode).toBe(126);
    expect(lost.stderr).toContain('/no/where');
  });

  test('exec on a terminal has its size, follows it, and passes ctrl-c on', async () => {
    const shell = lxc.onTerminal('exec c1 -- sh');
    await shell.shows(/# /);
    shell.type('stty size; tty\n');
    await shell.shows(/24 80\r\n\/dev\/pts\/\d/);
    shell.resize(101, 37);
    await eventually(async () => {
      shell.type('stty size\n');
      await sleep(50);
      expect(shell.output).toContain('37 101');
    });
    shell.type('sleep 1000\n');
    await eventually(async () => {
      expect(await processes()).toContain('sleep 1000');
    });
    shell.type('\x03');
    shell.type('echo status $?\n');
    await shell.shows(/status 130/);
    shell.type('exit 5\n');
    expect(await shell.exitCode).toBe(5);
  });

  test('exec passes signals of the client on', async () => {
    const script = "trap 'echo got; exit 9' TERM\necho ready\nwhile :; do sleep 0.1; done\n";
    await lxc.well('file push - c1/root/trap', { input: script });
    const run = lxc.onTerminal('exec c1 --mode non-interactive -- sh /root/trap');
    await run.shows(/ready/);
    run.kill('SIGTERM');
    expect(await run.exitCode).toBe(9);
    expect(run.output).toContain('got');
  });

  test('exec whose client is killed leaves no process', async () => {
    for (const mode of ['interactive', 'non-interactive']) {
      const run = lxc.onTerminal(`exec c1 --mode ${mode} -- sleep 2000`);
      await eventually(async () => {
        expect(await processes()).toContain('sleep 2000');
      });
      run.kill('SIGKILL');
      await eventually(async () => {
        expect(await processes()).not.toContain('sleep 2000');
      });
    }
  });

  test('console attaches to a terminal, detaches with ctrl-a q and shows its log', async () => {
    const console = lxc.onTerminal('console c1');
    await console.shows(/To detach from the console, press: <ctrl>\+a q/);
    console.type('\n');
    await console.shows(/#/);
    console.type('echo on-the-console\n');
    await console.shows(/\non-the-console/);
    // The client sees the two keys only when they come one by one, as from a hand.
    let exitCode: number | undefined;
    void console.exitCode.then((code) => (exitCode = code));
    await eventually(async () => {
      console.type('\x01');
      await sleep(100);
      console.type('q');
      await sleep(100);
      expect(exitCode).toBe(0);
    });
    expect(await lxc.well('console c1 --show-log')).toContain('on-the-console');
    const absent = lxc.onTerminal('console nothing');
    expect(await absent.exitCode).toBe(1);
    expect(absent.output).toMatch(/Error: .*nothing/);
  });
});
