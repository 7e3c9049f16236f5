import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';

import { leftovers, type Leftovers } from '../helpers/leftovers.ts';
import { needs } from '../helpers/needs.ts';
import {
  cli,
  eventually,
  openWarren,
  runProgram,
  type CommandResult,
  type Warren,
} from '../helpers/warren.ts';

/** SSH_FXP_INIT of version 3. */
const init = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);

const test = needs('userns', 'overlay', 'crun', 'network', 'tun');

describe('SFTP, by a stock sftp and a stock sftp-server', () => {
  let warren: Warren;
  let before: Leftovers;
  /** Of the user, and none of the guest's business. */
  let secret: string;

  beforeAll(async () => {
    warren = openWarren();
    secret = join(warren.dir, 'secret');
    await warren.ok(['list']);
    writeFileSync(secret, 'not for guests');
    before = leftovers(warren);
    await warren.ok(['launch', 'busybox', 'm']);
  });
  afterAll(async () => {
    await warren[Symbol.asyncDispose]();
  });

  /** Lines of a batch; one that begins with `-` may fail. */
  const sftp = (...lines: string[]): Promise<CommandResult> =>
    runProgram('sftp', ['-q', '-b', '-', '-D', `${process.execPath} ${cli} file sftp m`], {
      env: { WARREN_DIR: warren.dir },
      input: `${lines.join('\n')}\n`,
    });
  const shell = (script: string): Promise<string> =>
    warren.ok(['exec', 'm', '--', 'sh', '-c', script]);
  const out = (name: string): string => join(warren.dir, name);

  test('carries files of a machine that runs, with owners and modes of the machine', async () => {
    writeFileSync(out('in'), 'hello\n');
    const { exitCode, stderr } = await sftp(
      'mkdir /root/d',
      `put ${out('in')} /root/d/f`,
      'chmod 640 /root/d/f',
      'chown 1000 /root/d/f',
      'rename /root/d/f /root/d/g',
      'symlink /root/d/g /root/link',
      `get /root/link ${out('back')}`,
    );
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(readFileSync(out('back'), 'utf8')).toBe('hello\n');
    expect(await shell('stat -c "%u %g %a" /root/d/g; cat /root/link')).toBe('1000 0 640\nhello\n');
  });

  test('leads nowhere but into the machine, whatever links, pipes and libraries are there', async () => {
    await shell(
      `cd /root && ln -s ${secret} abs && ln -s / up && ln -s /proc/1/root magic &&
       ln -s ../../../../../../../..${secret} rel && mkdir -p /lib/x86_64-linux-gnu /usr/lib &&
       echo "passwd: evil" > /etc/nsswitch.conf && echo evil > /lib/x86_64-linux-gnu/libnss_evil.so.2 &&
       touch owned && chown 4242 owned`,
    );
    const { stdout } = await sftp(
      ...['abs', 'rel', 'magic/etc/hostname', `up${secret}`].map(
        (name) => `-get /root/${name} ${out('stolen')}`,
      ),
      `-get ${secret} ${out('stolen')}`,
      `-get ../../../..${secret} ${out('stolen')}`,
      '-ls -l /root/owned',
      'ls -1 /',
    );
    expect(readdirSync(warren.dir)).not.toContain('stolen');
    const seen = stdout.split('\n').filter((line) => /^\/[^/ ]+$/.test(line.trim()));
    const inside = (await shell('ls -1 /')).trim().split('\n');
    expect(seen.map((line) => line.trim().slice(1)).sort()).toEqual(inside.sort());
  });

  test('shows files in a directory until the mount is asked to end', async () => {
    const target = out('mounted');
    mkdirSync(target);
    const child = spawn(process.execPath, [cli, 'file', 'mount', 'm/root', target], {
      env: { HOME: homedir(), PATH: process.env['PATH'] ?? '', WARREN_DIR: warren.dir },
      stdio: 'ignore',
    });
    const closed = once(child, 'close');
    await eventually(() => {
      expect(readFileSync(join(target, 'd/g'), 'utf8')).toBe('hello\n');
    });
    writeFileSync(join(target, 'written'), 'from outside');
    expect(await shell('cat /root/written')).toBe('from outside');
    child.kill('SIGINT');
    expect((await closed)[0]).toBe(0);
    expect(readdirSync(target)).toEqual([]);
    rmdirSync(target);
  });

  test('is served by a process that has the machine as its root and nothing else of the host', async () => {
    const client = runProgram(process.execPath, [cli, 'file', 'sftp', 'm'], {
      env: { WARREN_DIR: warren.dir },
      // INIT alone: then its input ends and it goes.
      input: init,
    });
    const { exitCode, stdout } = await client;
    expect(exitCode).toBe(0);
    // SSH_FXP_VERSION of version 3, which ASCII text begins to tell of.
    expect(stdout).toContain('posix-rename@openssh.com');
    const held = runSession();
    try {
      await held.served;
      const [pid = 0, ...others] = processesNamed('sftp-server');
      expect(others).toEqual([]);
      const mounts = readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n');
      expect(mounts).toHaveLength(1);
      expect(readlinkSync(`/proc/${pid}/cwd`)).toBe('/');
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      expect(status).toMatch(/^NoNewPrivs:\t1$/m);
      // CAP_SYS_ADMIN, 21, is not among its own.
      const held21 = /^CapEff:\t([0-9a-f]+)$/m.exec(status)?.[1] ?? 'f';
      expect((BigInt(`0x${held21}`) >> 21n) & 1n).toBe(0n);
    } finally {
      await held.end();
    }
  });

  test('ends with the run, and gives a stopped machine up to whoever wants it', async () => {
    await warren.ok(['stop', 'm', '--force']);
    expect((await sftp('ls /root', `get /root/d/g ${out('stopped')}`)).exitCode).toBe(0);
    expect(readFileSync(out('stopped'), 'utf8')).toBe('hello\n');
    const held = runSession();
    const silent = runSession('');
    await held.served;
    await eventually(() => {
      expect(processesNamed('sftp-server')).toHaveLength(2);
    });
    // Others' short accesses share the mounted root and end nothing.
    expect(await warren.ok(['file', 'pull', 'm/root/d/g', '-'])).toBe('hello\n');
    expect(held.isOpen()).toBe(true);
    await warren.ok(['start', 'm']);
    await Promise.all([held.closed, silent.closed]);
    const running = runSession();
    await running.served;
    await warren.ok(['stop', 'm', '--force']);
    await running.closed;
    await warren.ok(['delete', 'm']);
    expect(leftovers(warren)).toEqual(before);
  });

  test('of a machine that is not there is refused with its reason', async () => {
    const { exitCode, stderr } = await warren.run(['file', 'sftp', 'nobody']);
    expect(exitCode).toBe(4);
    expect(stderr).toContain('"nobody"');
  });

  interface Session {
    /** Settles once it is served. */
    readonly served: Promise<unknown>;
    readonly closed: Promise<void>;
    isOpen(): boolean;
    end(): Promise<void>;
  }

  function runSession(sent: string | Buffer = init): Session {
    const child = spawn(process.execPath, [cli, 'file', 'sftp', 'm'], {
      env: { HOME: homedir(), PATH: process.env['PATH'] ?? '', WARREN_DIR: warren.dir },
      stdio: 'pipe',
    });
    let open = true;
    const closed = new Promise<void>((resolve) => {
      child.once('close', () => {
        open = false;
        resolve();
      });
    });
    child.stdin.on('error', () => undefined);
    child.stdin.write(sent);
    const served = once(child.stdout, 'data');
    return {
      served,
      closed,
      isOpen: () => open,
      end: async () => {
        child.stdin.end();
        await closed;
      },
    };
  }
});

/** Of our own, by the name the kernel has for them. */
function processesNamed(name: string): number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .filter((pid) => {
      try {
        readlinkSync(`/proc/${pid}/root`);
        return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === name;
      } catch {
        return false;
      }
    })
    .map(Number);
}
