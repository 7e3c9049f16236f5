import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { ExecSession } from '../../../../src/runtime/types.ts';
import { collect, execSpec, layGround, slice, text, type Ground } from './ground.ts';

let ground: Ground;

beforeAll(async () => {
  ground = await layGround();
  await ground.run('box', { seccomp: { denyDefault: true, deny: ['acct'], allow: [] } });
  await ground.run('tight', { noNewPrivileges: true });
});

afterAll(async () => {
  await ground[Symbol.asyncDispose]();
});

const exec: Ground['exec'] = (...args) => ground.exec(...args);

/** Commands in the machine whose arguments contain `word`, seen from outside. */
function findProcesses(word: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return command.includes(word) && !command.includes('crun');
    } catch {
      return false;
    }
  });
}

describe('a command', () => {
  it('has its output, errors and exit status apart', async () => {
    const command = ['sh', '-c', 'echo out; echo err >&2; exit 7'];
    expect(await exec('box', command)).toEqual({ status: 7, stdout: 'out\n', stderr: 'err\n' });
  });

  it('reads standard input until its end', async () => {
    const input = 'x'.repeat(300_000);
    const session = await ground.runtime.exec('box', execSpec(['wc', '-c']));
    expect((await collect(session, input)).stdout.trim()).toBe('300000');
  });

  it('that is missing is 127, one that cannot run 126, one that is killed 128 + n', async () => {
    const missing = await exec('box', ['no-such-command']);
    expect(missing.status).toBe(127);
    expect(missing.stderr).toBe(
      'error: Cannot run "no-such-command": the machine has no such command\n',
    );
    expect((await exec('box', ['/no/such'])).status).toBe(127);
    for (const path of ['/etc/passwd', '/etc']) {
      expect(await exec('box', [path])).toEqual({
        status: 126,
        stdout: '',
        stderr: `error: Cannot run "${path}": it is not executable there\n`,
      });
    }
    await exec('box', ['sh', '-c', 'echo "#!/no/interpreter" >/tmp/script; chmod +x /tmp/script']);
    const script = await exec('box', ['/tmp/script']);
    expect(script.status).toBe(127);
    expect(script.stderr).toContain('the interpreter');
    expect((await exec('box', ['sh', '-c', 'kill -KILL $$'])).status).toBe(137);
    expect((await exec('box', ['sh', '-c', 'exit 255'])).status).toBe(255);
  });

  it('may say itself what the runtime says of one that is missing', async () => {
    const words = 'executable file `x` not found in $PATH: No such file or directory';
    const command = ['sh', '-c', `echo '${words}' >&2; exit 255`];
    expect(await exec('box', command)).toEqual({ status: 255, stdout: '', stderr: `${words}\n` });
  });

  it('runs on a terminal of a machine with the longest name', async () => {
    const name = `${'p'.repeat(24)}_${'m'.repeat(63)}`;
    await ground.run(name, { hostname: 'box' });
    const terminal = { width: 80, height: 24 };
    const session = await ground.runtime.exec(name, execSpec(['tty'], { terminal }));
    if (session.stdio.kind !== 'pty') throw new Error('not a pty');
    expect(await text(session.stdio.stream)).toContain('/dev/pts/');
    expect(await session.exited).toBe(0);
  });

  it('inherits three descriptors and not one more', async () => {
    for (const terminal of [undefined, { width: 80, height: 24 }]) {
      const session = await ground.runtime.exec('box', execSpec(['sleep', '2233'], { terminal }));
      await expect.poll(() => findProcesses('2233')).toHaveLength(1);
      const [pid] = findProcesses('2233');
      expect(readdirSync(`/proc/${pid ?? ''}/fd`)).toEqual(['0', '1', '2']);
      session.kill();
      expect(await session.exited).toBe(137);
    }
  });

  it('can open its standard streams by name, as an ordinary guest user too', async () => {
    const command = ['sh', '-c', 'echo named > /dev/stdout; cat /dev/stdin'];
    const session = await ground.runtime.exec('box', execSpec(command, { uid: 500, gid: 501 }));
    expect(await collect(session, 'in')).toEqual({ status: 0, stdout: 'named\nin', stderr: '' });
  });

  it('runs with exactly the ids, groups and capabilities asked for', async () => {
    const command = ['sh', '-c', 'id -u; id -g; id -G; grep Cap /proc/self/status'];
    const user = await exec('box', command, { uid: 1, gid: 2, additionalGids: [3, 4] });
    const [uid, gid, groups, ...capabilities] = user.stdout.trim().split('\n');
    expect([uid, gid, groups]).toEqual(['1', '2', '2 3 4']);
    expect(capabilities).toContain('CapInh:\t0000000000000000');
    expect(capabilities).toContain('CapEff:\t0000000000000000');
    expect(capabilities).toContain('CapAmb:\t0000000000000000');
    const root = await exec('box', command);
    expect(root.stdout).toContain('CapInh:\t0000000000000000');
    expect(root.stdout).toMatch(/CapEff:\t0000002/);
  });

  it('starts in its directory, resolved inside', async () => {
    expect((await exec('box', ['pwd'], { cwd: '/etc' })).stdout).toBe('/etc\n');
    const { status, stderr } = await exec('box', ['pwd'], { cwd: '/proc/self/fd/7' });
    expect(status).toBe(126);
    expect(stderr).toContain('the machine has no directory');
    expect((await exec('box', ['pwd'], { cwd: '/../../..' })).stdout).toBe('/\n');
  });

  it('is under the same seccomp filter and no_new_privs as init', async () => {
    const command = ['grep', '-E', '^(Seccomp|NoNewPrivs):', '/proc/self/status'];
    expect((await exec('box', command)).stdout).toBe('NoNewPrivs:\t0\nSeccomp:\t2\n');
    expect((await exec('tight', command)).stdout).toBe('NoNewPrivs:\t1\nSeccomp:\t2\n');
  });

  it('is refused for an id that the machine does not have', async () => {
    const spec = execSpec(['true'], { uid: slice.size });
    await expect(ground.runtime.exec('box', spec)).rejects.toMatchObject({ code: 'invalid' });
  });

  it('ends although something in the background keeps its output open', async () => {
    const command = ['sh', '-c', 'sleep 3344 & echo started'];
    expect(await exec('box', command)).toEqual({ status: 0, stdout: 'started\n', stderr: '' });
  });

  it('loses no output that is read late', async () => {
    const command = ['sh', '-c', 'dd if=/dev/zero bs=1000 count=60 2>/dev/null'];
    const session = await ground.runtime.exec('box', execSpec(command));
    expect(await session.exited).toBe(0);
    await sleep(100);
    if (session.stdio.kind !== 'pipes') throw new Error('not with pipes');
    expect((await text(session.stdio.stdout)).length).toBe(60_000);
  });

  it('gets signals, and only it', async () => {
    const command = [
      'sh',
      '-c',
      "trap 'echo usr1; exit 3' USR1; echo ready; while :; do sleep 0.1; done",
    ];
    const session = await ground.runtime.exec('box', execSpec(command));
    await firstOutput(session);
    session.signal(10);
    expect(await session.exited).toBe(3);
  });

  it('is killed with what it started, at once and before it has started', async () => {
    const command = ['sh', '-c', 'setsid sleep 4455 & sleep 4455 & echo ready; sleep 4455'];
    const session = await ground.runtime.exec('box', execSpec(command));
    await firstOutput(session);
    session.kill();
    expect(await session.exited).toBe(137);
    await expect.poll(() => findProcesses('4455')).toEqual([]);
    const early = await ground.runtime.exec('box', execSpec(['sleep', '5566']));
    early.kill();
    expect(await early.exited).toBe(137);
    expect(findProcesses('5566')).toEqual([]);
  });

  it('leaves no file behind in the bundle', async () => {
    await exec('box', ['true']);
    const left = readdirSync(`${ground.paths.mountDir}/bundles/box`);
    expect(left.filter((name) => name.startsWith('exec-'))).toEqual([]);
  });
});

describe('a command with a pty', () => {
  const open = async (command: readonly string[]): Promise<ExecSession> =>
    ground.runtime.exec('box', execSpec(command, { terminal: { width: 93, height: 31 } }));

  it('has a terminal of its own of the right size', async () => {
    const session = await open(['sh', '-c', 'stty size; tty; test -t 2 && echo yes; exit 4']);
    if (session.stdio.kind !== 'pty') throw new Error('not a pty');
    const said = await text(session.stdio.stream);
    expect(said).toMatch(/^31 93\r\n\/dev\/pts\/\d+\r\nyes\r\n$/);
    expect(await session.exited).toBe(4);
  });

  it('is told of a new size and of an interrupt typed', async () => {
    const script =
      "trap 'stty size' WINCH; trap 'echo int; exit 5' INT; echo ready; while :; do sleep 0.1; done";
    const session = await open(['sh', '-c', script]);
    if (session.stdio.kind !== 'pty') throw new Error('not a pty');
    const { stream } = session.stdio;
    let said = '';
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said).toContain('ready');
    session.resize(50, 20);
    await expect.poll(() => said).toContain('20 50');
    stream.write('\u0003');
    expect(await session.exited).toBe(5);
    await expect.poll(() => said).toContain('int');
  });

  it('that is missing is 127 and its stream says so', async () => {
    const session = await open(['no-such-command']);
    if (session.stdio.kind !== 'pty') throw new Error('not a pty');
    expect(await text(session.stdio.stream)).toBe(
      'error: Cannot run "no-such-command": the machine has no such command\r\n',
    );
    expect(await session.exited).toBe(127);
  });

  it('ends with all its output although a background process holds the terminal', async () => {
    const session = await open(['sh', '-c', "trap '' HUP; sleep 6677 & seq 1 2000"]);
    if (session.stdio.kind !== 'pty') throw new Error('not a pty');
    const said = await text(session.stdio.stream);
    expect(said.trim().split('\r\n')).toHaveLength(2000);
    expect(await session.exited).toBe(0);
  });

  it('that cannot have its size leaves no terminal and does not run on', async () => {
    const terminals = (): number =>
      readdirSync('/proc/self/fd').filter((fd) => targetOf(fd).startsWith('/dev/p')).length;
    const before = terminals();
    const terminal = { width: Symbol('no width') as unknown as number, height: 24 };
    // More often than terminals of others may be closed meanwhile.
    for (let round = 0; round < 8; round += 1) {
      const refused = ground.runtime.exec('box', execSpec(['sleep', '8899'], { terminal }));
      await expect(refused).rejects.toThrow(TypeError);
    }
    expect(terminals()).toBeLessThanOrEqual(before);
    await expect.poll(() => findProcesses('8899')).toEqual([]);
  });

  it('is gone when its client is', async () => {
    const session = await open(['sh', '-c', 'sleep 7788 & echo ready; sleep 7788']);
    await firstOutput(session);
    session.kill();
    expect(await session.exited).toBe(137);
    await expect.poll(() => findProcesses('7788')).toEqual([]);
  });
});

function targetOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
}

async function firstOutput(session: ExecSession): Promise<void> {
  const { stdio } = session;
  const stream = stdio.kind === 'pipes' ? stdio.stdout : stdio.stream;
  await new Promise((resolve) => stream.once('data', resolve));
}
