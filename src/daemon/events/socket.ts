import { WarrenError } from '../../contract/errors.ts';

import type { WebSocket } from 'ws';
import type { EventHub, EventType } from './hub.ts';

const allTypes: readonly EventType[] = ['operation', 'lifecycle', 'logging'];
/** A reader this many bytes behind is dropped; the events it misses are gone anyway. */
const maxBacklogBytes = 4 * 1024 * 1024;
const pingIntervalMs = 10_000;

/**
 * The event types a request of `/1.0/events` wants: `type=a,b`, all of them without it. Throws
 * `invalid` for an unknown one.
 */
export function parseEventTypes(query: URLSearchParams): ReadonlySet<EventType> {
  const wanted = (query.get('type') ?? '').split(',').filter((type) => type !== '');
  const unknown = wanted.filter((type) => !(allTypes as readonly string[]).includes(type));
  if (unknown.length > 0) {
    const problem = `unknown ${unknown.join(', ')}, wanted some of ${allTypes.join(', ')}`;
    throw new WarrenError('invalid', {
      what: 'watch events',
      issues: [{ path: 'type', problem }],
    });
  }
  return new Set(wanted.length === 0 ? allTypes : (wanted as EventType[]));
}

/** Sends events of a project (`*`: of all) to a client until it goes. */
export function serveEvents(
  hub: EventHub,
  socket: WebSocket,
  types: ReadonlySet<EventType>,
  project: string,
): void {
  const listening = hub.listen(types, (event, frame) => {
    // What the daemon logs is of no project.
    const isWanted = project === '*' || event.type === 'logging' || event.project === project;
    if (!isWanted) return;
    if (socket.bufferedAmount > maxBacklogBytes) socket.terminate();
    else socket.send(frame);
  });
  let answered = true;
  const ping = setInterval(() => {
    if (!answered) {
      socket.terminate();
      return;
    }
    answered = false;
    socket.ping();
  }, pingIntervalMs);
  socket.on('pong', () => {
    answered = true;
  });
  socket.on('message', () => undefined);
  socket.on('error', () => {
    socket.terminate();
  });
  socket.once('close', () => {
    clearInterval(ping);
    listening[Symbol.dispose]();
  });
}
