/**
 * Waits until `what` settles, at most `timeoutMs` milliseconds (undefined: for ever), and no longer
 * than `signal` allows. Throws what `what` throws.
 */
export async function waitAtMost(
  what: Promise<unknown>,
  timeoutMs: number | undefined,
  signal?: AbortSignal,
): Promise<void> {
  if (timeoutMs === 0 || signal?.aborted === true) return;
  let timer: NodeJS.Timeout | undefined;
  let stop: () => void = () => undefined;
  const enough = new Promise<void>((resolve) => {
    stop = resolve;
    if (timeoutMs !== undefined) timer = setTimeout(stop, timeoutMs);
    signal?.addEventListener('abort', stop, { once: true });
  });
  try {
    await Promise.race([what, enough]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}
