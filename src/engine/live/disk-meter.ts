import type { RootUsage } from '../../storage/types.ts';

/** How long an answer waits for a measurement before it makes do with the last one. */
const patienceMs = 250;
/** A measurement younger than this is as good as a new one, to whom asks about one machine… */
const freshMs = 2000;
/** …and to whom lists them all. */
const listFreshMs = 60_000;

interface Reading {
  readonly usage: RootUsage;
  readonly atMs: number;
}

/**
 * Disk use of machines. Measuring walks every file, and a guest decides how many it has: so each
 * machine is measured once at a time, and an answer never waits for long. Lists do not wait at all
 * and have the machines measured one after the other. Until the first measurement of a machine is
 * done its use is unknown.
 */
export class DiskMeter {
  readonly #measure: (instanceId: number) => Promise<RootUsage>;
  readonly #now: () => number;
  readonly #readings = new Map<number, Reading>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #queue = new Set<number>();
  #draining = false;

  constructor(measure: (instanceId: number) => Promise<RootUsage>, now: () => number) {
    this.#measure = measure;
    this.#now = now;
  }

  async read(instanceId: number): Promise<RootUsage | undefined> {
    const known = this.#readings.get(instanceId);
    if (known !== undefined && this.#now() - known.atMs < freshMs) return known.usage;
    const running = this.#running.get(instanceId) ?? this.#begin(instanceId);
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([running, enough]);
    clearTimeout(timer);
    return this.#readings.get(instanceId)?.usage;
  }

  /** What is known now; has it measured some time when that is old. */
  peek(instanceId: number): RootUsage | undefined {
    const known = this.#readings.get(instanceId);
    const isOld = known === undefined || this.#now() - known.atMs >= listFreshMs;
    if (isOld && !this.#running.has(instanceId)) {
      this.#queue.add(instanceId);
      void this.#drain();
    }
    return known?.usage;
  }

  forget(instanceId: number): void {
    this.#queue.delete(instanceId);
    this.#readings.delete(instanceId);
  }

  async #drain(): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    for (const instanceId of this.#queue) {
      this.#queue.delete(instanceId);
      await (this.#running.get(instanceId) ?? this.#begin(instanceId));
    }
    this.#draining = false;
  }

  #begin(instanceId: number): Promise<void> {
    const running = this.#measure(instanceId)
      .then((usage) => {
        this.#readings.set(instanceId, { usage, atMs: this.#now() });
      })
      // A machine may be deleted while it is measured: then there is nothing to know.
      .catch(() => {
        this.#readings.delete(instanceId);
      })
      .finally(() => {
        this.#running.delete(instanceId);
      });
    this.#running.set(instanceId, running);
    return running;
  }
}
