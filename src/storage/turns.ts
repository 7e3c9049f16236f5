/** How long work on many files keeps the event loop to itself. */
const sliceMs = 4;

/**
 * Returns what such work awaits after each file: it lets the rest of the daemon have its turn every
 * few milliseconds, and throws once `signal` is aborted.
 */
export function makeTurns(signal: AbortSignal | undefined): () => Promise<void> {
  let until = performance.now() + sliceMs;
  return async () => {
    if (performance.now() < until) return;
    await new Promise(setImmediate);
    signal?.throwIfAborted();
    until = performance.now() + sliceMs;
  };
}
