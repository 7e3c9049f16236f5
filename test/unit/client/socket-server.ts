import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { tmpdir } from 'node:os';

/** A real HTTP server on a unix socket of its own, which answers what the test says. */
export interface SocketServer extends AsyncDisposable {
  readonly path: string;
  readonly server: Server;
}

export async function openSocketServer(listener: RequestListener): Promise<SocketServer> {
  const directory = mkdtempSync(`${tmpdir()}/warren-client-`);
  const path = `${directory}/unix.socket`;
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    server,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** A sync answer. */
export function sync(metadata: unknown): string {
  return JSON.stringify({
    type: 'sync',
    status: 'Success',
    status_code: 200,
    operation: '',
    error_code: 0,
    error: '',
    metadata,
  });
}
