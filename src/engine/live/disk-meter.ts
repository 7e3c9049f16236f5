/** Bytes on disk of machines' own files, by instance id; of one that is gone there is nothing. */
export type MeasureDisks = (instanceIds: readonly number[]) => Promise<ReadonlyMap<number, number>>;

/** How long an answer waits for a measurement before it makes do with the last one. */
const patienceMs = 250;
/** A measurement younger than this is as good as a new one, to whom asks about one machine… */
const freshMs = 2000;
/** …and to whom lists them all. */
const listFreshMs = 60_000;
/**
 * Of those that are listed, so many are measured by one process: starting one costs more than most
 * machines.
 */
const atOnce = 64;
/** So long after the list: its client still reads it, and needs the processor itself. */
const restMs = 1000;

interface Reading {
  readonly bytes: number;
  readonly atMs: number;
}

/**
 * Disk use of machines, in bytes. Measuring walks every file, and a guest decides how many it has:
 * so each machine is measured once at a time, and an answer never waits for long. Lists do not wait
 * at all and have the machines measured some at a time, afterwards. Until the first measurement of
 * a machine is done its use is unknown.
 */
export class DiskMeter {
  readonly #measure: MeasureDisks;
  readonly #now: () => number;
  readonly #readings = new Map<number, Reading>();
  readonly #running = new Map<number, Promise<void>>();
  readonly #queue = new Set<number>();
  #draining = false;

  constructor(measure: MeasureDisks, now: () => number) {
    this.#measure = measure;
    this.#now = now;
  }

  async read(instanceId: number): Promise<number | undefined> {
    const known = this.#readings.get(instanceId);
    if (known !== undefined && this.#now() - known.atMs < freshMs) return known.bytes;
    const running = this.#running.get(instanceId) ?? this.#begin([instanceId]);
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
    });
    await Promise.race([running, enough]);
    clearTimeout(timer);
    return this.#readings.get(instanceId)?.bytes;
  }

  /** What is known now; has it measured some time when that is old. */
  peek(instanceId: number): number | undefined {
    const known = this.#readings.get(instanceId);
    const isOld = known === undefined || this.#now() - known.atMs >= listFreshMs;
    if (isOld && !this.#running.has(instanceId)) {
      this.#queue.add(instanceId);
      if (!this.#draining) setTimeout(() => void this.#drain(), restMs).unref();
      this.#draining = true;
    }
    return known?.bytes;
  }

  /** What is known now, without having anything measured. */
  last(instanceId: number): number | undefined {
    return this.#readings.get(instanceId)?.bytes;
  }

  forget(instanceId: number): void {
    this.#queue.delete(instanceId);
    this.#readings.delete(instanceId);
  }

  async #drain(): Promise<void> {
    while (this.#queue.size > 0) {
      const next = [...this.#queue].slice(0, atOnce);
      for (const instanceId of next) this.#queue.delete(instanceId);
      const idle = next.filter((instanceId) => !this.#running.has(instanceId));
      if (idle.length > 0) await this.#begin(idle);
    }
    this.#draining = false;
  }

  #begin(instanceIds: readonly number[]): Promise<void> {
    const running = this.#measure(instanceIds)
      // A machine may be deleted while it is measured: then there is nothing to know.
      .catch((): ReadonlyMap<number, number> => new Map())
      .then((measured) => {
        for (const instanceId of instanceIds) {
          this.#running.delete(instanceId);
          const bytes = measured.get(instanceId);
          if (bytes === undefined) this.#readings.delete(instanceId);
          else this.#readings.set(instanceId, { bytes, atMs: this.#now() });
        }
      });
    for (const instanceId of instanceIds) this.#running.set(instanceId, running);
    return running;
  }
}
