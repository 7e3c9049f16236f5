/** Fields of /proc/PID/stat (`man 5 proc_pid_stat`). */
export interface ProcessStat {
  readonly pid: number;
  /**
   * Name of the executable, cut to 15 bytes; may hold anything, parentheses and line breaks too.
   */
  readonly comm: string;
  /** `R`, `S`, `D`, `T`, `Z` (zombie), … */
  readonly state: string;
  readonly parentPid: number;
  /** Clock ticks since boot. */
  readonly startTime: number;
}

/**
 * Parses /proc/PID/stat. A process chooses its own `comm`, so the fields are counted from the last
 * closing parenthesis. Throws on text that is no such line.
 */
export function parseProcessStat(text: string): ProcessStat {
  const open = text.indexOf(' (');
  const close = text.lastIndexOf(') ');
  const rest = text.slice(close + 2).split(' ');
  const stat = {
    pid: Number(text.slice(0, open)),
    comm: text.slice(open + 2, close),
    state: rest[0] ?? '',
    parentPid: Number(rest[1]),
    startTime: Number(rest[19]),
  };
  if (
    open < 1 ||
    close < open ||
    !Number.isInteger(stat.pid) ||
    !Number.isInteger(stat.startTime)
  ) {
    throw new Error(`Not a line of /proc/PID/stat: ${JSON.stringify(text.slice(0, 80))}`);
  }
  return stat;
}
