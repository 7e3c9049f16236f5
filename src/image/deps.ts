import type { Paths } from '../contract/paths.ts';

/** What image work needs from its surroundings. Built once, in `daemon/main.ts`. */
export interface ImageDeps {
  /** `mountDir` must be a directory that every id may pass: U0's tmpfs. */
  readonly paths: Pick<Paths, 'mountDir'>;
  readonly log: ImageLog;
  /** Canonical name of this host's architecture: `x86_64`, `aarch64`. */
  readonly hostArchitecture: string;
  /** The OCI runtime that confines children. Default `crun`. */
  readonly ociRuntime?: string | undefined;
  /** What one image may at most unpack to. Default `defaultLimits`. */
  readonly limits?: ImageLimits | undefined;
}

export interface ImageLimits {
  /** Bytes of all files together, holes counted once as data and once never. */
  readonly maxBytes: number;
  /** Files, directories, links and everything else with a name. */
  readonly maxEntries: number;
}

/** A desktop with everything on it has half a million files and 20 GiB. */
export const defaultLimits: ImageLimits = { maxBytes: 64 * 1024 ** 3, maxEntries: 1_000_000 };

/** The part of a pino logger that image work uses. */
export interface ImageLog {
  debug(context: object, message: string): void;
  warn(context: object, message: string): void;
}
