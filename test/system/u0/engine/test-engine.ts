import { afterAll, afterEach, beforeAll, expect } from 'vitest';

import type { CreateInstanceInput } from '../../../../src/engine/instances/create.ts';
import { getInstance } from '../../../../src/engine/instances/list.ts';
import { startInstance } from '../../../../src/engine/instances/start.ts';
import { stopInstance } from '../../../../src/engine/instances/stop.ts';
import { type EngineDeps, type InstanceRecord, unattended } from '../../../../src/engine/types.ts';
import { manifestOf } from '../../../helpers/manifest.ts';
import { Fault } from './faults.ts';
import {
  clear,
  create,
  dieAt,
  launch,
  layEmptyGround,
  remove,
  shell,
  type Census,
  type Ground,
  type Life,
} from './ground.ts';

/**
 * The engine that a file of tests shares, through all its lives: its ground is laid before them,
 * nothing of a machine may be left after each, and nothing was to be warned of. `afterwards` is
 * what else a file does then.
 */
export function useEngine(
  afterwards: (engine: TestEngine) => unknown = () => undefined,
): TestEngine {
  const engine = new TestEngine();
  beforeAll(() => engine.open());
  afterAll(() => engine.close());
  afterEach(async () => {
    await engine.expectNothingLeft();
    await afterwards(engine);
  });
  return engine;
}

export class TestEngine {
  readonly fault = new Fault();
  #laid: { ground: Ground; life: Life; empty: Census } | undefined;

  get ground(): Ground {
    return this.#open.ground;
  }

  get life(): Life {
    return this.#open.life;
  }

  get deps(): EngineDeps {
    return this.life.deps;
  }

  get problems(): string[] {
    return this.life.problems;
  }

  async open(): Promise<void> {
    this.#laid = { ...(await layEmptyGround(this.fault.gate)) };
  }

  async close(): Promise<void> {
    await this.#laid?.ground[Symbol.asyncDispose]();
  }

  async expectNothingLeft(): Promise<void> {
    this.fault.arm();
    const { store } = this.deps;
    const { layers, ...census } = await clear(this.ground, this.life);
    const { layers: _, ...empty } = this.#open.empty;
    expect(census).toEqual(empty);
    // Copies of an image for other ids stay with it.
    const kept = store.images.list().flatMap(({ id }) => store.layers.listOfImage(id));
    expect(layers).toEqual(kept.map(({ id }) => id).sort());
    expect(store.slices.list()).toEqual([]);
    expect(this.problems).toEqual([]);
  }

  /** The daemon dies, and leaves everything as it is. */
  die(): void {
    this.life.die();
  }

  /** The next life. */
  async begin(): Promise<void> {
    this.#open.life = await this.ground.begin(this.fault.gate);
  }

  /** Has the daemon die just before `effect` of `work`, after `before`, and the next one begin. */
  async dieAt(effect: string, work: () => Promise<unknown>, before?: () => unknown): Promise<void> {
    this.#open.life = await dieAt({ ...this.#open, fault: this.fault }, effect, work, before);
  }

  /** A stopped busybox machine. */
  create(name: string, change?: Partial<CreateInstanceInput>): Promise<void> {
    return create(this.life, name, change);
  }

  launch(name: string, change?: Partial<CreateInstanceInput>): Promise<void> {
    return launch(this.life, name, change);
  }

  start(name: string): Promise<void> {
    return startInstance(this.deps, { name }, unattended);
  }

  /** By force. */
  stop(name: string): Promise<void> {
    return stopInstance(this.deps, { name, force: true, timeoutMs: undefined }, unattended);
  }

  remove(name: string): Promise<void> {
    return remove(this.life, name);
  }

  /** Runs a shell command in a machine; its output, both streams, and status. */
  shell(name: string, command: string): ReturnType<typeof shell> {
    return shell(this.life, name, command);
  }

  /** Works on the files of a stopped machine as U0's root. */
  async withRoot<T>(
    name: string,
    work: (root: string, record: InstanceRecord) => T | Promise<T>,
  ): Promise<T> {
    const record = getInstance(this.deps, name);
    const root = await this.deps.storage.mountRoot(record.id, record.layers);
    try {
      return await work(root, record);
    } finally {
      await this.deps.storage.unmountRoot(record.id);
    }
  }

  /** All that a machine that is stopped can see of its files. */
  manifest(name: string): Promise<string[]> {
    return this.withRoot(name, (root, { slice }) => manifestOf(root, slice.start));
  }

  get #open(): { ground: Ground; life: Life; readonly empty: Census } {
    if (this.#laid === undefined) throw new Error('no ground is laid yet');
    return this.#laid;
  }
}
