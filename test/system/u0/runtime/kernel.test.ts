import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openReadiness, type Readiness } from '../../../../src/sys/kernel/readiness.ts';
import {
  acceptConnection,
  bindUnix,
  closeFd,
  connectUnix,
  listenOn,
  openUnixSocket,
  peerCredentials,
  receive,
  receiveWithFds,
  sendWithFds,
} from '../../../../src/sys/kernel/socket.ts';

let dir: string;
const fds: number[] = [];

function own(fd: number): number {
  fds.push(fd);
  return fd;
}

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'warren-kernel-'));
});

afterEach(() => {
  for (const fd of fds.splice(0)) closeFd(fd);
  rmSync(dir, { recursive: true });
});

function streamPair(): { client: number; server: number } {
  const path = join(dir, 'stream');
  const listener = own(openUnixSocket('stream'));
  bindUnix(listener, path);
  listenOn(listener, 4);
  expect(acceptConnection(listener)).toBeUndefined();
  const client = own(openUnixSocket('stream'));
  connectUnix(client, path);
  const server = acceptConnection(listener);
  if (server === undefined) throw new Error('nothing to accept');
  return { client, server: own(server) };
}

describe('unix sockets', () => {
  it('carry descriptors with their data', () => {
    const { client, server } = streamPair();
    expect(receiveWithFds(server, 16, 1)).toBeUndefined();
    const file = openSync(join(dir, 'file'), 'w+');
    expect(sendWithFds(client, Buffer.from('ptmx'), [file])).toBe(4);
    closeSync(file);
    const message = receiveWithFds(server, 16, 1);
    expect(message?.data.toString()).toBe('ptmx');
    const [received] = message?.fds ?? [];
    if (received === undefined) throw new Error('no descriptor came');
    own(received);
    expect(writeSync(received, 'still open')).toBe(10);
  });

  it('refuse and close more descriptors than expected', () => {
    const { client, server } = streamPair();
    const before = openSync('/dev/null', 'r');
    closeSync(before);
    sendWithFds(client, Buffer.from('x'), [client, client, client]);
    expect(() => receiveWithFds(server, 16, 1)).toThrow('EMSGSIZE');
    const after = openSync('/dev/null', 'r');
    closeSync(after);
    expect(after).toBe(before);
  });

  it('tell who is at the other end', () => {
    const { server } = streamPair();
    expect(peerCredentials(server)).toEqual({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
  });

  it('drop descriptors that come with a plain receive, and tell a cut datagram', () => {
    const path = join(dir, 'notify');
    const receiver = own(openUnixSocket('dgram'));
    bindUnix(receiver, path);
    const sender = own(openUnixSocket('dgram'));
    connectUnix(sender, path);
    const before = openSync('/dev/null', 'r');
    closeSync(before);
    sendWithFds(sender, Buffer.from('READY=1\n'), [sender]);
    sendWithFds(sender, Buffer.alloc(100, 'x'), []);
    expect(receive(receiver, 32)).toEqual({ data: Buffer.from('READY=1\n'), truncated: false });
    expect(receive(receiver, 32)).toEqual({ data: Buffer.alloc(32, 'x'), truncated: true });
    expect(receive(receiver, 32)).toBeUndefined();
    const after = openSync('/dev/null', 'r');
    closeSync(after);
    expect(after).toBe(before);
  });

  it('refuse a path that is too long instead of cutting it', () => {
    const fd = own(openUnixSocket('stream'));
    expect(() => {
      bindUnix(fd, `/${'x'.repeat(107)}`);
    }).toThrow(RangeError);
  });
});

describe('readiness', () => {
  let readiness: Readiness;

  beforeEach(() => {
    readiness = openReadiness();
  });

  afterEach(() => {
    readiness[Symbol.dispose]();
  });

  it('calls back for what arrives before and after, and while data are left', async () => {
    const { client, server } = streamPair();
    sendWithFds(client, Buffer.from('abc'), []);
    const seen: string[] = [];
    const byte = Buffer.alloc(1);
    using watch = readiness.watchReadable(server, () => {
      readSync(server, byte);
      seen.push(byte.toString());
    });
    await expect.poll(() => seen.join('')).toBe('abc');
    sendWithFds(client, Buffer.from('d'), []);
    await expect.poll(() => seen.join('')).toBe('abcd');
    expect(watch).toBeDefined();
  });

  it('is silent after disposal, also when the number is used again', async () => {
    const { client, server } = streamPair();
    let calls = 0;
    readiness.watchReadable(server, () => calls++)[Symbol.dispose]();
    using again = readiness.watchReadable(server, () => undefined);
    expect(again).toBeDefined();
    sendWithFds(client, Buffer.from('x'), []);
    await sleep(100);
    expect(calls).toBe(0);
  });

  it('serves many descriptors at once', async () => {
    const pairs = Array.from({ length: 200 }, (_, index) => {
      const path = join(dir, `d${index}`);
      const receiver = own(openUnixSocket('dgram'));
      bindUnix(receiver, path);
      const sender = own(openUnixSocket('dgram'));
      connectUnix(sender, path);
      return { sender, receiver };
    });
    const heard = new Set<number>();
    const watches = pairs.map(({ receiver }) =>
      readiness.watchReadable(receiver, () => {
        receive(receiver, 8);
        heard.add(receiver);
      }),
    );
    for (const { sender } of pairs) sendWithFds(sender, Buffer.from('x'), []);
    await expect.poll(() => heard.size).toBe(200);
    for (const watch of watches) watch[Symbol.dispose]();
  });
});
