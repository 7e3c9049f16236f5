import type { InstanceStateNetwork } from '../../contract/api/instances.ts';
import type { EngineDeps, InstanceRecord, LastExit, SliceRecord } from '../types.ts';

export type InstanceStatus = 'Running' | 'Stopped' | 'Frozen' | 'Starting' | 'Stopping' | 'Error';

/** What a machine is now, asked of the kernel. Cheap enough for lists. */
export function statusOf(deps: EngineDeps, record: InstanceRecord): InstanceStatus {
  throw new Error(`not yet ${deps.architecture} ${record.name}`);
}

export interface InstanceStateReport {
  readonly status: InstanceStatus;
  /** 0 when stopped. In U0's pid namespace, which is the host's. */
  readonly pid: number;
  readonly processes: number;
  readonly cpuUsageNs: number;
  readonly memory: {
    readonly usageBytes: number;
    readonly peakBytes: number;
    /** The limit, or 0 for none. */
    readonly totalBytes: number;
    readonly swapBytes: number;
  };
  /** Root disk's device name → bytes of its own. */
  readonly disk: Readonly<
    Record<string, { readonly usageBytes: number; readonly totalBytes: number }>
  >;
  readonly network: Readonly<Record<string, InstanceStateNetwork>>;
  readonly boot: 'starting' | 'booted' | 'degraded' | 'stopped';
  readonly startedAtMs: number | undefined;
  readonly bootedAtMs: number | undefined;
  readonly lastExit: LastExit | undefined;
  readonly slice: SliceRecord;
}

/** Everything `state` shows of one machine. */
export async function readInstanceState(
  deps: EngineDeps,
  record: InstanceRecord,
): Promise<InstanceStateReport> {
  return Promise.reject(new Error(`not yet ${deps.architecture} ${record.name}`));
}

/** `halted`, `crashed (signal 9)`, `stopped, reason unknown`, … */
export function formatLastExit(exit: LastExit): string {
  throw new Error(`not yet ${exit.kind}`);
}
