import { Socket, type OnReadOpts, type SocketConstructorOpts } from 'node:net';

import type { Buffers } from './buffers.ts';

/** The end of a command's output that we read, with chunks that `buffers` lends. */
export class OutputPipe extends Socket {
  constructor(fd: number, buffers: Buffers) {
    const onread: OnReadOpts = {
      buffer: () => buffers.take(),
      callback: (length, buffer) => this.push(buffers.lend(buffer, length)),
    };
    const options: SocketConstructorOpts & { readonly onread: OnReadOpts } = {
      fd,
      readable: true,
      writable: false,
      onread,
    };
    super(options);
  }
}
