import { constants } from 'node:fs';
import { access, chmod, writeFile } from 'node:fs/promises';
import type { Readable, Writable } from 'node:stream';

import { type HostPath, hostPath } from '../base/brand.ts';
import { WarrenError } from '../contract/errors.ts';
import { O_PATH } from '../sys/kernel/fs.ts';
import { openMountThread } from '../sys/kernel/mntns.ts';
import { openProcEntry, pidfdOpen } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { childFailure, throwIfCancelled } from './sandbox/failure.ts';
import { type ConfinedChild, type Sandbox } from './sandbox/sandbox.ts';
import { sandboxTree } from './sandbox/spec.ts';
import type { SliceIds } from './slice.ts';

/** OpenSSH's sftp-server on the files below one directory. Disposing ends it. */
export interface SftpServer extends AsyncDisposable {
  /** What it answered to SSH_FXP_INIT, a whole packet: the client's own INIT must not reach it. */
  readonly version: Buffer;
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Settles when it has ended. */
  readonly ended: Promise<void>;
  kill(): void;
}

/** Where distributions put it: Debian, Fedora, Arch and Alpine. */
const places = ['/usr/lib/openssh', '/usr/libexec/openssh', '/usr/lib/ssh'].map(
  (directory) => `${directory}/sftp-server`,
);

/** Longest answer to INIT: a version and a list of extensions. */
const maxVersionBytes = 64 * 1024;
const sshFxpInit = Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
const sshFxpVersion = 2;

/**
 * It must see the machine's files at their own paths, or absolute links would lead elsewhere, and
 * yet be the host's program with the host's libraries: a machine has none, or a hostile one. So it
 * starts in a sandbox with the host's /usr, and once it answers, and so has loaded all it needs,
 * the machine's root takes the place of the sandbox's (pivot_root) and nothing of the host is left.
 * No byte of a client reaches it before. It runs as root of the slice, so what a hostile file might
 * make of it can do no more to these files than the machine's own root can.
 */
export async function serveSftp(
  sandbox: Sandbox,
  root: HostPath,
  slice: SliceIds,
  signal: AbortSignal,
): Promise<SftpServer> {
  const program = await findServer();
  await using etc = await sandbox.layDirectories([]);
  // It looks up its own user, and glibc what to ask: never again once the root has changed.
  await layFile(`${etc.path}/passwd`, 'root:x:0:0:root:/root:/bin/sh\n');
  await layFile(`${etc.path}/nsswitch.conf`, 'passwd: files\ngroup: files\n');
  const child = await sandbox.start(
    {
      kind: 'files',
      command: [program, '-e'],
      ids: slice,
      mounts: [
        { source: etc.path, destination: '/etc', readonly: true },
        { source: root, destination: sandboxTree, readonly: false },
      ],
    },
    { stdin: 'pipe', signal },
  );
  const kill = (): void => {
    child.kill();
  };
  const { stdin, stdout } = child;
  const ended = child.ended.then(() => undefined);
  try {
    if (stdin === undefined) throw new Error('sftp-server has no standard input');
    stdin.write(sshFxpInit);
    const version = await readPacket(stdout);
    if (version?.[4] !== sshFxpVersion) {
      throwIfCancelled(signal, what);
      kill();
      throw childFailure(await child.ended, { what, program: 'sftp-server', where: root });
    }
    await enterTree(child);
    const end = async (): Promise<void> => {
      kill();
      await ended;
    };
    return { version, stdin, stdout, ended, kill, [Symbol.asyncDispose]: end };
  } catch (error) {
    kill();
    await ended;
    throw error;
  }
}

const what = 'serve files by SFTP';

async function findServer(): Promise<string> {
  for (const place of places) {
    const found = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return place;
  }
  throw new WarrenError('host_lacks', {
    what,
    found: 'there is no sftp-server on this host',
    wanted: 'the one of OpenSSH',
    hint: 'sudo apt install openssh-sftp-server',
  });
}

async function layFile(path: string, text: string): Promise<void> {
  await writeFile(hostPath(path), text);
  await chmod(path, 0o644);
}

async function enterTree(child: ConfinedChild): Promise<void> {
  const pid = await child.innerPid();
  const fds: number[] = [];
  const open = (fd: number): number => {
    fds.push(fd);
    return fd;
  };
  try {
    const pidfd = open(pidfdOpen(pid));
    const mntnsFd = open(openProcEntry(pid, pidfd, 'ns/mnt', constants.O_RDONLY));
    const rootFd = open(openProcEntry(pid, pidfd, 'root', O_PATH | constants.O_DIRECTORY));
    using thread = openMountThread();
    await thread.pivot({ mntnsFd, rootFd }, sandboxTree);
  } finally {
    for (const fd of fds) closeFd(fd);
  }
}

/**
 * One whole packet: a length of four bytes and as many that follow. Undefined at the end before it.
 */
async function readPacket(stream: Readable): Promise<Buffer | undefined> {
  return await new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const finish = (packet: Buffer | undefined): void => {
      stream.off('readable', read);
      stream.off('end', onEnd);
      stream.off('close', onEnd);
      resolve(packet);
    };
    const onEnd = (): void => {
      finish(undefined);
    };
    const read = (): void => {
      for (let chunk; (chunk = stream.read() as Buffer | null) !== null;) {
        bytes = Buffer.concat([bytes, chunk]);
      }
      if (bytes.length < 4) return;
      const length = bytes.readUInt32BE(0);
      if (length > maxVersionBytes || bytes.length > length + 4) finish(undefined);
      else if (bytes.length === length + 4) finish(bytes);
    };
    stream.on('readable', read);
    stream.once('end', onEnd);
    stream.once('close', onEnd);
  });
}
