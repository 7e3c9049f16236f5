/** A process named so that a recycled pid is never taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  readonly startTime: number;
  /** /proc/sys/kernel/random/boot_id of the host. */
  readonly bootId: string;
}
