import { machineName } from '../../base/names.ts';
import { serveInstanceSftp } from '../../engine/instances/sftp.ts';
import { instanceTrees } from '../routes/instances/tree.ts';
import { splitTarget } from './path.ts';

import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { SftpServer } from '../../image/sftp.ts';
import type { DaemonContext } from '../context.ts';

/** SSH_FXP_INIT is nine bytes and what extensions a client names. */
const maxInitBytes = 64 * 1024;
const sshFxpInit = 1;

/**
 * The machine whose files a request wants by SFTP: `GET /1.0/instances/NAME/sftp`, `Upgrade: sftp`.
 */
export function findSftp(request: IncomingMessage): string | undefined {
  const { segments = [], query } = splitTarget(request.url ?? '') ?? {};
  const [version, tree = '', name, leaf, ...more] = segments;
  const isTree = (instanceTrees as readonly string[]).includes(tree);
  if (version !== '1.0' || !isTree || leaf !== 'sftp' || more.length > 0) return undefined;
  if (request.headers.upgrade?.toLowerCase() !== 'sftp') return undefined;
  const project = query?.get('project') ?? '';
  return machineName(project === '' ? 'default' : project, name ?? '');
}

/**
 * Serves SFTP on a connection until either side ends it. Rejects when it cannot begin, and then has
 * written nothing; what breaks later ends the connection.
 */
export async function serveSftp(
  { engine, log }: DaemonContext,
  name: string,
  stream: Duplex,
  head: Buffer,
): Promise<void> {
  const gone = new AbortController();
  stream.once('close', () => {
    gone.abort();
  });
  if (stream.destroyed) gone.abort();
  const progress = { begun: false };
  try {
    await serveInstanceSftp(engine, name, gone.signal, async (server) => {
      progress.begun = true;
      await join(server, stream, head);
    });
  } catch (error) {
    if (!progress.begun) throw error;
    log.warn({ err: error, instance: name }, 'an SFTP connection did not end in good order');
    stream.destroy();
  }
}

async function join(server: SftpServer, stream: Duplex, head: Buffer): Promise<void> {
  const { version, stdin, stdout, ended } = server;
  stream.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: sftp\r\nConnection: Upgrade\r\n\r\n');
  if (head.length > 0) stream.unshift(head);
  const init = readInit(stream).then((isInit) => {
    if (!isInit) {
      server.kill();
      return;
    }
    stream.write(version);
    stream.pipe(stdin);
    stdout.pipe(stream);
  });
  // Also by whoever wants the machine, while a client says nothing.
  await ended;
  // At a good end the pipe has ended the stream, which sends what it still has.
  if (!stdout.readableEnded) stream.destroy();
  await init;
}

/** Takes exactly the client's first packet off the stream; false when it is no INIT. */
async function readInit(stream: Duplex): Promise<boolean> {
  const header = await readExactly(stream, 4);
  const length = header?.readUInt32BE(0) ?? 0;
  if (length < 5 || length > maxInitBytes) return false;
  return (await readExactly(stream, length))?.[0] === sshFxpInit;
}

async function readExactly(stream: Duplex, bytes: number): Promise<Buffer | undefined> {
  for (;;) {
    // Less than was asked for is only answered at the stream's end.
    const chunk = stream.read(bytes) as Buffer | null;
    if (chunk !== null) return chunk.length === bytes ? chunk : undefined;
    if (stream.readableEnded || stream.destroyed) return undefined;
    await new Promise<void>((resolve) => {
      const events = ['readable', 'end', 'close'];
      const wake = (): void => {
        for (const event of events) stream.off(event, wake);
        resolve();
      };
      for (const event of events) stream.once(event, wake);
    });
  }
}
