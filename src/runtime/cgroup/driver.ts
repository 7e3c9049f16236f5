import type { CgroupLimits, CgroupReport } from '../types.ts';

/**
 * How machines get a cgroup. The three drivers differ in who makes it and where; what is done in
 * the directory afterwards (limits, freezing, usage) is the same everywhere.
 */
export interface CgroupDriver {
  readonly report: CgroupReport;
  /** Global options of the OCI runtime. */
  readonly runtimeArgs: readonly string[];
  /** Added to the environment of the OCI runtime. */
  readonly runtimeEnv: Readonly<Record<string, string>>;
  /** `linux.cgroupsPath` of a machine; undefined without cgroups. */
  cgroupsPath(name: string): string | undefined;
  /** Of the machine's document, for the OCI runtime. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** Tells the limits to whoever else writes the cgroup's files. Absent where nobody does. */
  announce?(name: string, limits: CgroupLimits): Promise<void>;
  /**
   * The machine's directory, absolute, once `create` has succeeded and until `remove`; undefined
   * when there is none.
   */
  findDirectory(name: string): string | undefined;
  /** Removes an empty cgroup that the runtime left behind. Absent is fine. */
  remove(name: string): Promise<void>;
  /** Names that have a cgroup. */
  list(): string[];
}
