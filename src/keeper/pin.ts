import { existsSync, readlinkSync } from 'node:fs';

import type { ProcessIdentity } from '../base/process-identity.ts';
import type { U0Record } from '../contract/keeper.ts';
import { pidfdSendSignal, withPidfd } from '../sys/kernel/process.ts';
import { spawnChild } from '../sys/kernel/spawn.ts';
import { isRunning, processIdentity } from '../sys/proc/identity.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { readRecord, removeRecord, writeRecord } from './record.ts';

const SIGKILL = 9;
const namespaces = ['user', 'mnt', 'cgroup'];

/**
 * A `sleep infinity` in U0. When the keeper is killed it keeps the namespaces, so that the next
 * keeper comes back to the same U0: from another one, the machines could not be managed any more.
 */
export class Pin {
  readonly #recordPath: string;
  readonly #cgroupDir: string | undefined;
  #identity: ProcessIdentity;

  /** Finds the recorded one, or starts one. `nullFd` becomes its three standard descriptors. */
  constructor(recordPath: string, cgroupDir: string | undefined, nullFd: number) {
    this.#recordPath = recordPath;
    this.#cgroupDir = cgroupDir;
    const found = this.#find();
    this.#identity = found ?? this.#spawn(nullFd);
    if (found !== undefined) return;
    try {
      this.record();
    } catch (error) {
      this.end();
      throw error;
    }
  }

  /** Starts another one when child `pid`, which ended, was the pin. Answers whether it was. */
  replace(pid: number, nullFd: number): boolean {
    if (this.#identity.pid !== pid) return false;
    this.#identity = this.#spawn(nullFd);
    try {
      this.record();
    } catch (error) {
      // Without a record only a later keeper's way back is lost, and with this one everything is.
      if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    }
    return true;
  }

  /** Ends it: no machine needs U0 any more. */
  end(): void {
    removeRecord(this.#recordPath);
    if (!isRunning(this.#identity)) return;
    try {
      withPidfd(this.#identity.pid, (pidfd) => {
        pidfdSendSignal(pidfd, SIGKILL);
      });
    } catch (error) {
      if (!hasErrno(error, 'ESRCH')) throw error;
    }
  }

  #find(): ProcessIdentity | undefined {
    const pin = readRecord<U0Record>(this.#recordPath)?.pin;
    if (pin === undefined || !isRunning(pin)) return undefined;
    return namespaces.every((name) => sameNamespace(name, pin.pid)) ? pin : undefined;
  }

  #spawn(nullFd: number): ProcessIdentity {
    const path = ['/usr/bin/sleep', '/bin/sleep'].find((candidate) => existsSync(candidate));
    if (path === undefined) throw new Error('sleep(1) is in neither /usr/bin nor /bin');
    const fds = [nullFd, nullFd, nullFd];
    const argv = ['sleep', 'infinity'];
    const pid = spawnChild({ path, argv, env: {}, fds, cwd: '/', newSession: true });
    const pin = processIdentity(pid);
    if (pin === undefined) throw new Error('a child that was not reaped is not in /proc');
    return pin;
  }

  /** Tells the next keeper where U0 is. */
  record(): void {
    const cgroup = this.#cgroupDir === undefined ? {} : { cgroupDir: this.#cgroupDir };
    const record: U0Record = { pin: this.#identity, ...cgroup };
    writeRecord(this.#recordPath, JSON.stringify(record));
  }
}

function sameNamespace(name: string, pid: number): boolean {
  try {
    return readlinkSync(`/proc/self/ns/${name}`) === readlinkSync(`/proc/${pid}/ns/${name}`);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'EACCES', 'ESRCH')) return false;
    throw error;
  }
}
