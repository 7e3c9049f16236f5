/** Where minutes come from; a test brings its own. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `work` once after `ms`; returns what takes it back. */
  after(ms: number, work: () => void): () => void;
}

const minuteMs = 60_000;
/**
 * A clock that is set back by less than this repeats no minute; by more, its minutes count anew.
 */
const mostBackMinutes = 60;

/**
 * Calls `work` at the beginning of each minute with the moment it began. Minutes that nobody lived
 * through (the host slept, the clock was set) are left out and not made up for.
 */
export function eachMinute(work: (startMs: number) => void, clock: Clock = system): Disposable {
  let last = Math.floor(clock.now() / minuteMs);
  let stop: () => void = () => undefined;
  const arm = (): void => {
    const now = clock.now();
    stop = clock.after((Math.floor(now / minuteMs) + 1) * minuteMs - now, tick);
  };
  const tick = (): void => {
    const minute = Math.floor(clock.now() / minuteMs);
    const isNew = minute > last || last - minute > mostBackMinutes;
    if (isNew) last = minute;
    arm();
    if (isNew) work(minute * minuteMs);
  };
  arm();
  return {
    [Symbol.dispose]: () => {
      stop();
    },
  };
}

const system: Clock = {
  now: () => Date.now(),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};
