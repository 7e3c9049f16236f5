import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, lstat, mkdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import { hostPath, type HostPath } from '../../base/brand.ts';
import { parseIdMap, type IdMapLine } from '../../sys/proc/idmap.ts';
import { parseProcessStat } from '../../sys/proc/stat.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { startChild, type Child, type StartOptions } from './child.ts';
import { formatSandboxConfig, type SandboxMount, type SandboxSpec } from './spec.ts';

/**
 * Runs programs as root of a slice: nested user namespace with the slice's map, all other
 * namespaces fresh, a read-only root with the host's /usr and nothing else of the host but what is
 * mounted. The OCI runtime does it, since it writes id maps without helpers and opens the sources
 * of mounts before it gives up the ids that may pass a 0700 home.
 *
 * If the daemon dies, runtime and child get SIGKILL (PR_SET_PDEATHSIG), so they leave only files
 * below `workDir`, which the next daemon empties.
 */
export interface Sandbox {
  start(
    spec: SandboxSpec,
    options: StartOptions & { readonly signal: AbortSignal },
  ): Promise<ConfinedChild>;
  /** A tree of empty directories that every id may pass, as mount points. Disposing removes it. */
  layDirectories(paths: readonly string[]): Promise<{ readonly path: HostPath } & AsyncDisposable>;
}

export interface ConfinedChild extends Child {
  /**
   * The pid of the program itself, as we see it; its parent, the runtime, has `pid`. Once it runs.
   */
  innerPid(): Promise<number>;
}

export interface SandboxDeps {
  /** On a file system that every id may pass into; made when missing, ours alone. */
  readonly workDir: HostPath;
  readonly ociRuntime: string;
}

/**
 * A sandbox of its own for one daemon: what an earlier one left in `workDir` is removed at first
 * use.
 */
export function makeSandbox({ workDir, ociRuntime }: SandboxDeps): Sandbox {
  const root = hostPath(`${workDir}/root`);
  const stateDir = `${workDir}/state`;
  const parent = { uid: ownMap('uid'), gid: ownMap('gid') };
  let prepared: Promise<SandboxMount[]> | undefined;

  return {
    async layDirectories(paths) {
      prepared ??= prepare(workDir, root);
      await prepared;
      const path = hostPath(`${workDir}/trees/${randomUUID().slice(0, 13)}`);
      const remove = (): Promise<void> => rm(path, { recursive: true, force: true });
      try {
        await ensurePassable(`${workDir}/trees`);
        await ensurePassable(path);
        for (const each of paths) {
          let below: string = path;
          for (const part of each.split('/')) await ensurePassable((below += `/${part}`));
        }
      } catch (error) {
        await remove();
        throw error;
      }
      return { path, [Symbol.asyncDispose]: remove };
    },

    async start(spec, { signal, ...options }) {
      signal.throwIfAborted();
      prepared ??= prepare(workDir, root);
      const systemMounts = await prepared;
      const id = `image-${randomUUID().slice(0, 13)}`;
      const bundle = `${workDir}/bundles/${id}`;
      const pidFile = `${bundle}/pid`;
      await mkdir(bundle, { recursive: true, mode: 0o700 });
      const cleanUp = async () => {
        await rm(bundle, { recursive: true, force: true });
        await rm(`${stateDir}/${id}`, { recursive: true, force: true });
      };
      const whole = { ...spec, mounts: [...systemMounts, ...spec.mounts] };
      await writeFile(`${bundle}/config.json`, formatSandboxConfig(whole, root, parent));
      // prettier-ignore
      const command = [
        '--pdeathsig', 'KILL', '--', ociRuntime, '--root', stateDir, '--cgroup-manager=disabled',
        'run', '--bundle', bundle, '--pid-file', pidFile, id,
      ];
      let child: Child;
      try {
        child = await startChild('setpriv', command, options);
      } catch (error) {
        await cleanUp();
        throw error;
      }
      const onAbort = () => {
        child.kill();
      };
      signal.addEventListener('abort', onAbort);
      if (signal.aborted) onAbort();
      const ended = child.ended.then(async (end) => {
        signal.removeEventListener('abort', onAbort);
        if (end.signal !== undefined) await waitUntilGone(pidFile);
        await cleanUp();
        return end;
      });
      const innerPid = async (): Promise<number> =>
        Number((await readFile(pidFile, 'utf8')).trim());
      return { ...child, ended, innerPid };
    },
  };
}

function ownMap(kind: 'uid' | 'gid'): IdMapLine[] {
  return parseIdMap(readFileSync(`/proc/self/${kind}_map`, 'utf8'));
}

const directories = 'dev etc image image/backup image/rootfs proc run sys tmp usr var'.split(' ');

/** Directories and links that stand for the host's system, and the mounts that fill them. */
async function prepare(workDir: string, root: string): Promise<SandboxMount[]> {
  // Whatever ran here died with the daemon that started it.
  await rm(`${workDir}/bundles`, { recursive: true, force: true });
  await rm(`${workDir}/state`, { recursive: true, force: true });
  await rm(`${workDir}/trees`, { recursive: true, force: true });
  await ensurePassable(workDir);
  await ensurePassable(root);
  for (const directory of directories) await ensurePassable(`${root}/${directory}`);
  const mounts: SandboxMount[] = [systemMount('/usr')];
  for (const path of ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32']) {
    const stat = await lstat(path).catch(() => undefined);
    if (stat?.isSymbolicLink() === true) {
      await linkOnce(await readlink(path), `${root}${path}`);
    } else if (stat?.isDirectory() === true) {
      await ensurePassable(`${root}${path}`);
      mounts.push(systemMount(path));
    }
  }
  return mounts;
}

/** For every id, whatever our umask. */
async function ensurePassable(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
  await chmod(path, 0o755);
}

function systemMount(path: string): SandboxMount {
  return { source: hostPath(path), destination: path, readonly: true };
}

async function linkOnce(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    if (!hasErrno(error, 'EEXIST')) throw error;
  }
}

/**
 * A killed runtime has not waited for its child, whose pid namespace dies a moment later. The pid
 * file is written before the child runs, and the pid is not free again so soon.
 */
async function waitUntilGone(pidFile: string): Promise<void> {
  const text = await readFile(pidFile, 'utf8').catch(() => '');
  const pid = Number(text.trim());
  if (!Number.isInteger(pid) || pid <= 1) return;
  killQuietly(pid);
  for (let attempt = 0; attempt < 500 && (await isRunning(pid)); attempt++) {
    await sleep(attempt < 20 ? 2 : 20);
  }
}

async function isRunning(pid: number): Promise<boolean> {
  const text = await readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '');
  return text !== '' && !['Z', 'X'].includes(parseProcessStat(text).state);
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!hasErrno(error, 'ESRCH')) throw error;
  }
}
