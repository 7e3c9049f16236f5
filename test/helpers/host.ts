import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';

import { readGrants } from '../../src/userns/grants.ts';
import { cli, eventually, processesUnder, runProgram, type CommandResult } from './warren.ts';

/**
 * This host as another one: a user and a mount namespace with a root of its own, in which our
 * account is an ordinary one with a grant, and files, devices and programs can be covered.
 * newuidmap and newgidmap are copies there that belong to that root and carry its setuid bit: the
 * host's own belong to a root that the namespace does not know, so that the kernel ignores their
 * bit.
 */
export interface Host extends AsyncDisposable {
  /** `WARREN_DIR`, of the user and empty at first; also visible from outside unless covered. */
  readonly dir: string;
  /** Runs a shell script as root of this host. It must succeed. */
  asRoot(script: string): Promise<string>;
  /** Runs a program as the user. */
  asUser(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<CommandResult>;
  /** `warren ARGS` as the user. */
  warren(...args: readonly string[]): Promise<CommandResult>;
  /** Standard output of a `warren` that must succeed. */
  ok(...args: readonly string[]): Promise<string>;
  /** Covers `dir` with a file system of its own of so many bytes. */
  limitDisk(sizeBytes: number): Promise<void>;
  /** The user's processes that have to do with `dir`. */
  processes(): string[];
}

/** Disposing ends warren and the namespaces, and asserts that no process is left. */
export async function openHost(): Promise<Host> {
  const base = mkdtempSync(join(homedir(), 'h-'));
  const dir = join(base, 'w');
  const holder = await holdNamespaces();
  const enter = (id: number, argv: readonly string[]): readonly string[] => [
    ...['--target', String(holder.pid), '--user', '--mount', '--wd=/'],
    ...['--setuid', String(id), '--setgid', String(id), '--', ...argv],
  ];
  const asRoot: Host['asRoot'] = async (script) => {
    const result = await runProgram('nsenter', enter(0, ['sh', '-euc', script]));
    expect(result, script).toMatchObject({ exitCode: 0 });
    return result.stdout;
  };
  const asUser: Host['asUser'] = (argv, env = {}) =>
    runProgram('nsenter', enter(userId, argv), { env: { WARREN_DIR: dir, ...env } });
  const warren: Host['warren'] = (...args) => asUser([process.execPath, cli, ...args]);
  await asRoot(layGround(dir));
  return {
    dir,
    asRoot,
    asUser,
    warren,
    async ok(...args) {
      const result = await warren(...args);
      expect(result, `warren ${args.join(' ')}`).toMatchObject({ exitCode: 0 });
      return result.stdout;
    },
    async limitDisk(sizeBytes) {
      const options = `size=${sizeBytes},mode=0700,uid=${userId},gid=${userId}`;
      await asRoot(`mount -t tmpfs -o ${options} disk ${dir}`);
    },
    processes: () => processesUnder(dir),
    async [Symbol.asyncDispose]() {
      await warren('daemon', 'stop', '--purge');
      await warren('daemon', 'stop');
      await eventually(() => {
        expect(processesUnder(dir)).toEqual([]);
      });
      holder.kill('SIGKILL');
      await once(holder, 'exit');
      rmSync(base, { recursive: true, force: true });
    },
  };
}

/** Of the user, as uid and gid. Whatever lies below is root's and, granted, the user's. */
const userId = 65_536;

/** A process that keeps a user and a mount namespace, with all the ids that we have. */
async function holdNamespaces(): Promise<ChildProcess & { readonly pid: number }> {
  const { username: name, uid, gid } = userInfo();
  const grants = await readGrants({ name, uid });
  const holder = spawn(
    'unshare',
    ['--user', '--mount', '--propagation', 'private', 'sh', '-c', 'echo made; exec cat >/dev/null'],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const { pid } = holder;
  if (pid === undefined) throw new Error('unshare did not start');
  await once(holder.stdout, 'data');
  for (const [kind, own] of [
    ['uid', uid],
    ['gid', gid],
  ] as const) {
    const first = grants[kind][0]?.start ?? 0;
    const map = [0, first, userId, userId, own, 1];
    execFileSync(`new${kind}map`, [pid, ...map].map(String), { stdio: 'pipe' });
  }
  return Object.assign(holder, { pid });
}

/**
 * The account with its grant, and a newuidmap and newgidmap that root vouches for. The grant is one
 * range: the kernel wants a machine's ids in one extent of its parent's map.
 */
function layGround(dir: string): string {
  const { username, homedir: home } = userInfo();
  return `
    mount -t tmpfs -o mode=0755 ground /mnt
    echo root:x:0:0::/:/bin/sh >/mnt/passwd
    echo ${username}:x:${userId}:${userId}::${home}:/bin/sh >>/mnt/passwd
    mount --bind /mnt/passwd /etc/passwd
    for kind in uid gid; do
      echo ${username}:0:${userId} >/mnt/sub$kind
      mount --bind /mnt/sub$kind /etc/sub$kind
      program=$(command -v new\${kind}map)
      cp "$program" /mnt/new\${kind}map
      chmod 4755 /mnt/new\${kind}map
      mount --bind /mnt/new\${kind}map "$program"
    done
    umount --lazy /mnt
    setpriv --reuid ${userId} --regid ${userId} --clear-groups mkdir ${dir}`;
}
