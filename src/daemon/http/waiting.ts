import { query } from './request.ts';

import type { FastifyRequest } from 'fastify';

/** The longest that a timer can be set for. */
const longestMs = 0x7fff_ffff;

/** `timeout=SECONDS` in milliseconds; without one, or below zero, undefined: for ever. */
export function timeoutOf(request: FastifyRequest): number | undefined {
  const seconds = Number(query(request, 'timeout') ?? '-1');
  return seconds >= 0 ? Math.min(seconds * 1000, longestMs) : undefined;
}

/**
 * A signal that is given when the client hangs up. Disposed of with the answer: the connection
 * lives on.
 */
export function whileConnected(
  request: FastifyRequest,
): Disposable & { readonly signal: AbortSignal } {
  const gone = new AbortController();
  const onClose = (): void => {
    gone.abort();
  };
  const { socket } = request.raw;
  socket.once('close', onClose);
  return {
    signal: gone.signal,
    [Symbol.dispose]: () => {
      socket.off('close', onClose);
    },
  };
}
