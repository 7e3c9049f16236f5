import http from 'node:http';

import { apiPath, type Client } from './client.ts';

import type { Duplex } from 'node:stream';

/** A connection that speaks SFTP with a machine's files. The caller ends or destroys it. */
export async function openSftp(client: Client, instance: string): Promise<Duplex> {
  // Starts the daemon when there is none.
  await client.get(apiPath('instances', instance));
  return await new Promise((resolve, reject) => {
    const request = http.request({
      socketPath: client.transport.socket,
      agent: false,
      path: client.transport.inProject(apiPath('instances', instance, 'sftp')),
      headers: { Host: 'unix.socket', Connection: 'Upgrade', Upgrade: 'sftp' },
    });
    request.once('upgrade', (_response, stream, head) => {
      if (head.length > 0) stream.unshift(head);
      resolve(stream);
    });
    request.once('response', (body) => {
      client.fail({ status: body.statusCode ?? 0, headers: body.headers, body }).catch(reject);
    });
    request.once('error', reject);
    request.end();
  });
}
