import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

import { catalogue } from '../contract/errors.ts';
import { errorBody } from './http/replies.ts';

import type { WarrenError } from '../contract/errors.ts';

/** How long clients that wait already, or are about to ask again, are told. */
const tellMs = 1_000;

/**
 * Answers every request on an inherited listening socket with the reason why this daemon cannot
 * start, for a moment: whoever waits would else only see that it hung up.
 */
export async function refuseAll(listenFd: number, error: WarrenError): Promise<void> {
  const body = JSON.stringify(errorBody(error));
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(catalogue[error.code].status, {
      'Content-Type': 'application/json',
      Connection: 'close',
    });
    response.end(body);
  });
  server.listen({ fd: listenFd });
  await once(server, 'listening');
  await sleep(tellMs);
  server.close();
  server.closeAllConnections();
}
