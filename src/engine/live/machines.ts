import { type Deferred, KeyedMutex, Mutex } from '../../base/mutex.ts';
import type { ProcessIdentity } from '../../base/process-identity.ts';
import type { ImageRecord, SliceRecord } from '../../store/records.ts';
import type { DiskUse } from '../instances/disk-use.ts';
import { Asks } from './asks.ts';
import type { Boot } from './boot.ts';
import type { MachineConsole } from './console.ts';
import type { DiskMeter } from './disk-meter.ts';
import type { ExitLedger } from './exits.ts';
import { Holds } from './holds.ts';
import { MachineLocks } from './locks.ts';
import { Returns } from './returns.ts';
import { SharedWork } from './shared-work.ts';
import { SharedRoots } from './shared-roots.ts';
import { Transfers } from './transfers.ts';

/** A machine that runs, as this daemon holds it. Made by `adopt`, gone with `release`. */
export interface LiveMachine {
  readonly id: number;
  readonly name: string;
  readonly init: ProcessIdentity;
  /** Undefined when its descriptors were lost with a keeper. */
  readonly console: MachineConsole | undefined;
  /** Settles when init has ended. */
  readonly exited: Promise<void>;
  /** Settles when how it ended is on record. */
  readonly recorded: Deferred;
  readonly boot: Boot;
  frozen: boolean;
  /** Killed by this daemon, whatever else was asked of it. */
  killed: boolean;
  /** Listeners and watchers. */
  readonly holds: Disposable[];
}

export type Transition = 'Starting' | 'Stopping';

/** What the daemon holds in memory of its machines; all of it can be had again after a restart. */
export class LiveMachines {
  readonly locks = new MachineLocks();
  readonly exits: ExitLedger;
  readonly disks: DiskMeter;
  readonly diskUse: DiskUse;
  /** Builds of images, by alias. */
  readonly builds = new SharedWork<ImageRecord>();
  /** Projects that are about to have another image. */
  readonly imagesUnderWay = new Holds();
  /** Copies of layers for other ids, by layer and range. */
  readonly shifts = new KeyedMutex();
  /** Measurements of snapshots, one after the other. */
  readonly measures = new Mutex();
  /** Custom volumes, by id. Taken after the locks of machines, never before. */
  readonly volumes = new KeyedMutex();
  /** Changes of the switch, one after the other. */
  readonly networks = new Mutex();
  /** Layers with a row that something will stand on in a moment, or that are being read. */
  readonly heldLayers = new Holds();
  /** Ids that a machine is about to move to. */
  readonly heldSlices = new Set<SliceRecord>();
  readonly networkAsks = new Asks();
  readonly transfers = new Transfers();
  readonly returns = new Returns();
  /** Roots of stopped machines that are mounted for their files. */
  readonly roots = new SharedRoots();
  readonly #machines = new Map<number, LiveMachine>();
  readonly #transitions = new Map<number, Transition>();

  /** Every machine is being stopped and none is to be started any more. */
  goingDown = false;

  /** What becomes of a machine whose init has ended. Set once, by `createEngine`. */
  onEnded: (machine: LiveMachine) => void = () => undefined;

  constructor(exits: ExitLedger, disks: DiskMeter, diskUse: DiskUse) {
    this.exits = exits;
    this.disks = disks;
    this.diskUse = diskUse;
  }

  find(id: number): LiveMachine | undefined {
    return this.#machines.get(id);
  }

  add(machine: LiveMachine): void {
    this.#machines.set(machine.id, machine);
  }

  /** Forgets a machine that has ended and tells whoever is at its console. */
  release(id: number): void {
    const machine = this.#machines.get(id);
    if (machine === undefined) return;
    this.#machines.delete(id);
    for (const hold of machine.holds) hold[Symbol.dispose]();
    machine.console?.end();
  }

  /** What is remembered of a machine that is deleted. */
  forget(id: number): void {
    this.disks.forget(id);
    this.returns.forget(id);
  }

  list(): LiveMachine[] {
    return [...this.#machines.values()];
  }

  transition(id: number): Transition | undefined {
    return this.#transitions.get(id) ?? (this.returns.isPending(id) ? 'Starting' : undefined);
  }

  /** Shown as the machine's state until disposed. */
  enter(id: number, transition: Transition): Disposable {
    this.#transitions.set(id, transition);
    return {
      [Symbol.dispose]: () => {
        this.#transitions.delete(id);
      },
    };
  }

  close(): void {
    this.exits[Symbol.dispose]();
    this.returns[Symbol.dispose]();
    for (const machine of this.#machines.values()) {
      for (const hold of machine.holds) hold[Symbol.dispose]();
      machine.console?.[Symbol.dispose]();
    }
    this.#machines.clear();
  }
}
