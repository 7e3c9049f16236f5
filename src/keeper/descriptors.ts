import { readSync } from 'node:fs';

import { ByteRing } from '../base/ring.ts';
import type { StoredDescriptor } from '../contract/keeper.ts';
import { setNonBlocking } from '../sys/kernel/process.ts';
import { closeFd } from '../sys/kernel/socket.ts';
import { hasErrno } from '../sys/sys-error.ts';
import type { Loop, Watch } from './loop.ts';

const maxDrainedBytes = 64 * 1024;

interface Held {
  readonly kind: StoredDescriptor['kind'];
  readonly fd: number;
  readonly drained: ByteRing;
  watch: Watch | undefined;
}

/**
 * Descriptors that outlive a daemon. While `draining`, consoles are read into a bounded ring, so
 * that no guest ever blocks on a full pty; the newest output is kept.
 */
export class DescriptorStore {
  readonly #loop: Loop;
  readonly #held = new Map<string, Held>();
  readonly #chunk = Buffer.allocUnsafeSlow(16 * 1024);
  #draining = true;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** Takes ownership of `fd`. An older descriptor of that name is closed. */
  store(name: string, kind: StoredDescriptor['kind'], fd: number): void {
    this.drop(name);
    // Shared with the daemon's duplicate, which libuv makes non-blocking anyway.
    if (kind === 'console') setNonBlocking(fd);
    const held: Held = { kind, fd, drained: new ByteRing(maxDrainedBytes), watch: undefined };
    this.#held.set(name, held);
    if (this.#draining) this.#watch(held);
  }

  drop(name: string): void {
    const held = this.#held.get(name);
    if (held === undefined) return;
    this.#held.delete(name);
    held.watch?.[Symbol.dispose]();
    closeFd(held.fd);
  }

  get holdsConsole(): boolean {
    return [...this.#held.values()].some(({ kind }) => kind === 'console');
  }

  /** Begins to read consoles: there is no daemon that does. */
  startDraining(): void {
    if (this.#draining) return;
    this.#draining = true;
    for (const held of this.#held.values()) this.#watch(held);
  }

  /**
   * Leaves the consoles to a daemon and hands it everything; what was drained is handed out once.
   */
  handOver(): StoredDescriptor[] {
    this.#draining = false;
    return [...this.#held].map(([name, held]) => {
      held.watch?.[Symbol.dispose]();
      held.watch = undefined;
      const drained = held.drained.take().toString('base64');
      return { name, kind: held.kind, fd: held.fd, drained };
    });
  }

  #watch(held: Held): void {
    if (held.kind !== 'console') return;
    held.watch = this.#loop.watch(held.fd, 'read', ({ readable }) => {
      if (readable && this.#read(held)) return;
      // Hung up and empty: poll would report it again and again.
      held.watch?.[Symbol.dispose]();
      held.watch = undefined;
    });
  }

  /** Reads once; false when the console has ended. */
  #read({ fd, drained }: Held): boolean {
    try {
      const length = readSync(fd, this.#chunk, 0, this.#chunk.length, null);
      drained.push(Buffer.from(this.#chunk.subarray(0, length)));
      return length > 0;
    } catch (error) {
      return hasErrno(error, 'EAGAIN', 'EINTR');
    }
  }
}
