import { openWebSocket } from './websocket.ts';

import { withQuery, type Client } from './client.ts';
import type { Event } from '../contract/api/events.ts';

/** Events as they happen, until the daemon ends or the iteration is left. */
export async function* watchEvents(
  client: Client,
  types: readonly string[],
): AsyncGenerator<Event, void> {
  // The websocket does not start a daemon; a request does.
  await client.get('/1.0');
  const path = client.transport.inProject(
    withQuery('/1.0/events', { type: types.length === 0 ? undefined : types.join(',') }),
  );
  const websocket = await openWebSocket(client.transport.socket, path);
  const queue: Event[] = [];
  let wake: () => void = () => undefined;
  let open = true;
  websocket.on('message', (data: Buffer) => {
    queue.push(JSON.parse(data.toString('utf8')) as Event);
    wake();
  });
  websocket.once('close', () => {
    open = false;
    wake();
  });
  websocket.resume();
  try {
    for (;;) {
      for (let event = queue.shift(); event !== undefined; event = queue.shift()) yield event;
      // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- set by `close`
      if (!open) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    websocket.terminate();
  }
}
