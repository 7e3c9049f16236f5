import koffi from 'koffi';

import { hasErrno, SysError } from '../sys-error.ts';
import { check, libc } from './libc.ts';

const AF_UNIX = 1;
const SOCK_NONBLOCK = 0x800;
const SOCK_CLOEXEC = 0x80000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SO_PEERCRED = 17;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const MSG_CTRUNC = 0x8;
const MSG_TRUNC = 0x20;

const socketTypes = { stream: 1, dgram: 2, seqpacket: 5 } as const;
export type UnixSocketType = keyof typeof socketTypes;

/** Longest address: `sun_path` has 108 bytes, one of them for the final NUL. */
const maxSocketPathBytes = 107;

/** Descriptors the kernel lets one message carry (SCM_MAX_FD). */
const maxFds = 253;

const socket = libc.func('int socket(int domain, int type, int protocol)');
const bind = libc.func('int bind(int fd, void *address, unsigned int length)');
const connect = libc.func('int connect(int fd, void *address, unsigned int length)');
const listen = libc.func('int listen(int fd, int backlog)');
const accept4 = libc.func('int accept4(int fd, void *address, void *length, int flags)');
const recv = libc.func('intptr_t recv(int fd, void *buffer, size_t length, int flags)');
const recvmsg = libc.func('intptr_t recvmsg(int fd, void *message, int flags)');
const sendmsg = libc.func('intptr_t sendmsg(int fd, void *message, int flags)');
const getsockopt = libc.func(
  'int getsockopt(int fd, int level, int name, void *value, void *length)',
);
const close = libc.func('int close(int fd)');

/** A unix socket, non-blocking and close-on-exec. The caller closes it (`closeFd`). */
export function openUnixSocket(type: UnixSocketType): number {
  const flags = socketTypes[type] | SOCK_NONBLOCK | SOCK_CLOEXEC;
  return check(socket(AF_UNIX, flags, 0) as number, 'socket');
}

/** Closes a descriptor of any kind. */
export function closeFd(fd: number): void {
  check(close(fd) as number, 'close', `fd ${fd}`);
}

/** Binds to a path that must not exist (`EADDRINUSE`). Its mode is 0777 & ~umask. */
export function bindUnix(fd: number, path: string): void {
  const address = unixAddress(path);
  check(bind(fd, address, address.length) as number, 'bind', path);
}

/** connect(2). Throws `ENOENT`, `ECONNREFUSED` when nobody listens there. */
export function connectUnix(fd: number, path: string): void {
  const address = unixAddress(path);
  check(connect(fd, address, address.length) as number, 'connect', path);
}

/** listen(2). */
export function listenOn(fd: number, backlog: number): void {
  check(listen(fd, backlog) as number, 'listen');
}

/**
 * The next waiting connection, non-blocking and close-on-exec, or undefined. The caller closes it.
 */
export function acceptConnection(fd: number): number | undefined {
  return unlessEmpty(() =>
    check(accept4(fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC) as number, 'accept4'),
  );
}

/** Who is at the other end, as of connect(2) or listen(2), in our own namespaces (man 7 unix). */
export function peerCredentials(fd: number): { pid: number; uid: number; gid: number } {
  const value = Buffer.alloc(12);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(value.length);
  check(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) as number, 'getsockopt SO_PEERCRED');
  return { pid: value.readInt32LE(0), uid: value.readUInt32LE(4), gid: value.readUInt32LE(8) };
}

export interface ReceivedMessage {
  /** Empty at the end of a stream. */
  readonly data: Buffer;
  /** The message was longer than the buffer. */
  readonly truncated: boolean;
}

/**
 * Takes the next message without its control data: descriptors that came with it are dropped by the
 * kernel, so a sender nobody trusts cannot plant any. Undefined when nothing waits.
 */
export function receive(fd: number, maxBytes: number): ReceivedMessage | undefined {
  const buffer = Buffer.allocUnsafeSlow(maxBytes);
  return unlessEmpty(() => {
    // With MSG_TRUNC recv answers with the real length of a datagram.
    const flags = MSG_DONTWAIT | MSG_TRUNC;
    const length = check(Number(recv(fd, buffer, maxBytes, flags)), 'recv');
    return { data: buffer.subarray(0, Math.min(length, maxBytes)), truncated: length > maxBytes };
  });
}

/**
 * Takes the next message with its descriptors (close-on-exec, the caller closes them). When more
 * came than `maxExpectedFds`, all are closed and `EMSGSIZE` is thrown. Undefined when nothing
 * waits.
 */
export function receiveWithFds(
  fd: number,
  maxBytes: number,
  maxExpectedFds: number,
): (ReceivedMessage & { readonly fds: readonly number[] }) | undefined {
  const { message, control, data } = layOutMessage(controlSpace(maxFds), maxBytes);
  return unlessEmpty(() => {
    const flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
    const length = check(Number(recvmsg(fd, message, flags)), 'recvmsg');
    const fds = parseRights(control.subarray(0, Number(message.readBigUInt64LE(40))));
    const messageFlags = message.readInt32LE(48);
    if (fds.length > maxExpectedFds || (messageFlags & MSG_CTRUNC) !== 0) {
      for (const received of fds) closeFd(received);
      throw new SysError('EMSGSIZE', 'recvmsg', `${fds.length} descriptors`);
    }
    return {
      data: data.subarray(0, length),
      truncated: (messageFlags & MSG_TRUNC) !== 0,
      fds,
    };
  });
}

/** Sends `data` (at least one byte) and duplicates of `fds`. Answers how many bytes went. */
export function sendWithFds(fd: number, data: Uint8Array, fds: readonly number[]): number {
  if (fds.length > maxFds) throw new RangeError(`cannot send ${fds.length} descriptors at once`);
  const controlBytes = fds.length === 0 ? 0 : controlSpace(fds.length);
  const { message, control, data: payload } = layOutMessage(controlBytes, data.length);
  payload.set(data);
  if (fds.length > 0) {
    control.writeBigUInt64LE(BigInt(16 + 4 * fds.length), 0);
    control.writeInt32LE(SOL_SOCKET, 8);
    control.writeInt32LE(SCM_RIGHTS, 12);
    fds.forEach((sent, index) => control.writeInt32LE(sent, 16 + 4 * index));
  }
  return check(Number(sendmsg(fd, message, MSG_NOSIGNAL | MSG_DONTWAIT)), 'sendmsg');
}

/** Size of a control buffer that holds one SCM_RIGHTS of `count`: header of 16, rounded up to 8. */
function controlSpace(count: number): number {
  return 16 + Math.ceil((4 * count) / 8) * 8;
}

/**
 * `struct msghdr` (56 bytes as 64-bit glibc has it), its one `struct iovec` (16), control data and
 * payload, all in one allocation: the buffer given to the call keeps alive what it points to.
 */
function layOutMessage(
  controlBytes: number,
  dataBytes: number,
): { message: Buffer; control: Buffer; data: Buffer } {
  const vectorAt = 56;
  const controlAt = vectorAt + 16;
  const dataAt = controlAt + controlBytes;
  const message = Buffer.alloc(dataAt + dataBytes);
  const address = koffi.address(message);
  message.writeBigUInt64LE(address + BigInt(vectorAt), 16);
  message.writeBigUInt64LE(1n, 24);
  if (controlBytes > 0) {
    message.writeBigUInt64LE(address + BigInt(controlAt), 32);
    message.writeBigUInt64LE(BigInt(controlBytes), 40);
  }
  message.writeBigUInt64LE(address + BigInt(dataAt), vectorAt);
  message.writeBigUInt64LE(BigInt(dataBytes), vectorAt + 8);
  return { message, control: message.subarray(controlAt, dataAt), data: message.subarray(dataAt) };
}

function parseRights(control: Buffer): number[] {
  const fds: number[] = [];
  let offset = 0;
  while (offset + 16 <= control.length) {
    const length = Number(control.readBigUInt64LE(offset));
    if (length < 16) break;
    const level = control.readInt32LE(offset + 8);
    const type = control.readInt32LE(offset + 12);
    if (level === SOL_SOCKET && type === SCM_RIGHTS) {
      for (let at = offset + 16; at + 4 <= offset + length; at += 4) {
        fds.push(control.readInt32LE(at));
      }
    }
    offset += Math.ceil(length / 8) * 8;
  }
  return fds;
}

function unixAddress(path: string): Buffer {
  const bytes = Buffer.from(path);
  if (bytes.length > maxSocketPathBytes || bytes.includes(0)) {
    throw new RangeError(`not a socket path of at most ${maxSocketPathBytes} bytes: ${path}`);
  }
  const address = Buffer.alloc(2 + bytes.length + 1);
  address.writeUInt16LE(AF_UNIX);
  bytes.copy(address, 2);
  return address;
}

/** Undefined instead of `EAGAIN`. */
function unlessEmpty<T>(call: () => T): T | undefined {
  try {
    return call();
  } catch (error) {
    if (hasErrno(error, 'EAGAIN')) return undefined;
    throw error;
  }
}
