import type { RootUsage } from '../../storage/types.ts';

/** How long an answer waits for a measurement before it makes do with the last one. */
const patienceMs = 250;
/** A measurement younger than this is as good as a new one. */
const freshMs = 2000;

interface Reading {
  readonly usage: RootUsage;
  readonly atMs: number;
}

/**
 * Disk use of machines. Measuring walks every file, and a guest decides how many it has: so each
 * machine is measured once at a time, and an answer never waits for long. Until the first
 * measurement of a very large machine is done its use is unknown.
 */
export class DiskMeter {
  readonly #measure: (instanceId: number) => Promise<RootUsage>;
  readonly #now: () => number;
  readonly #readings = new Map<number, Reading>();
  readonly #running = new Map<number, Promise<void>>();

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

  forget(instanceId: number): void {
    this.#readings.delete(instanceId);
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
