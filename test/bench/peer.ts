import type { Api } from './api.ts';
import type { Command } from './host.ts';

/** Thrown by `prepare` when a peer cannot be measured here; its message says why. */
export class Unavailable extends Error {}

/**
 * A manager of machines under measurement. Commands are data, so that all are timed alike; one that
 * is missing is a row the peer does not have.
 */
export interface Peer {
  readonly name: string;
  /** How it was set up, for the reader of the table. */
  readonly about: string;
  prepare(): Promise<void>;
  /** Ends and removes whatever `prepare` and the commands have left. */
  close(): Promise<void>;

  readonly version?: () => Command;
  readonly list?: () => Command;
  /** The stock client's. */
  readonly lxcList?: () => Command;
  readonly create?: (machine: string) => Command;
  /** Returns as soon as the manager has started init. */
  readonly start?: (machine: string) => Command;
  /** Returns when the machine is booted. */
  readonly startAndWait?: (machine: string) => Command;
  readonly exec?: (machine: string, words: readonly string[]) => Command;
  /** Writes the length of what `cat` of a file in the machine gave through the stock client. */
  readonly stream?: (machine: string) => Command;
  readonly stop?: (machine: string) => Command;
  /** Deletes a machine in whatever state. */
  readonly remove?: (machine: string) => Command;
  /** Keeps the state of a stopped machine, and brings it back. */
  readonly snapshot?: (machine: string) => Command;
  readonly restore?: (machine: string) => Command;
  /** A second machine of a stopped one, which `remove` takes away. */
  readonly copy?: (machine: string, copy: string) => Command;
  /** LXD's API, where it is spoken. */
  readonly api?: Api;

  /** Adds stopped machines without content to its database. */
  readonly fill?: (names: readonly string[]) => Promise<void>;
  /** Tells its own processes by their command line; their descendants count too. */
  readonly ownsProcess?: (commandLine: string) => boolean;
  /** What its machines take up on disk, images included. */
  readonly usedBytes?: () => number;
}
