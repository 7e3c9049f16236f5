import { SysError } from '../sys-error.ts';
import { check, errnoName, libc } from './libc.ts';
import { closeFd } from './socket.ts';

const MSG_DONTWAIT = 0x40;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;

const NLM_F_REQUEST = 0x1;
const NLM_F_ACK = 0x4;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const headerBytes = 16;

const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
);
const send = libc.func('intptr_t send(int fd, void *data, size_t length, int flags)');
const recv = libc.func('intptr_t recv(int fd, void *buffer, size_t length, int flags)');

export interface NetlinkMessage {
  readonly type: number;
  /** What follows the header. */
  readonly payload: Buffer;
}

/**
 * A conversation with the kernel's network configuration (man 7 rtnetlink), in the network
 * namespace in which its socket was opened, wherever the thread is. The kernel works a request off
 * before send(2) returns, so nothing here waits for anybody but the kernel's own lock.
 */
export interface RouteSocket extends Disposable {
  /**
   * Sends one request and answers its replies; throws the kernel's errno with `what` as its path.
   * After `most` replies no more are asked for: the rest stays in the socket, which is of no use
   * from then on.
   */
  request(
    what: string,
    message: NetlinkMessage & { readonly flags: number },
    most?: number,
  ): NetlinkMessage[];
}

/**
 * Speaks over `fd`, a netlink socket that it takes over (`NetnsThread.openSocket`). Disposing
 * closes it.
 */
export function openRouteSocket(fd: number): RouteSocket {
  // Room for the listing of some thousand interfaces; without the right to it the default is kept.
  const size = Buffer.alloc(4);
  size.writeInt32LE(4 << 20);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, size, 4);
  const buffer = Buffer.alloc(256 << 10);
  let sequence = 0;
  return {
    request(what, { type, flags, payload }, most = Infinity) {
      sequence = (sequence + 1) >>> 0;
      const packet = Buffer.alloc(headerBytes + payload.length);
      packet.writeUInt32LE(packet.length, 0);
      packet.writeUInt16LE(type, 4);
      packet.writeUInt16LE(flags | NLM_F_REQUEST | NLM_F_ACK, 6);
      packet.writeUInt32LE(sequence, 8);
      packet.set(payload, headerBytes);
      check(Number(send(fd, packet, packet.length, 0)), 'netlink', what);
      const replies: NetlinkMessage[] = [];
      for (;;) {
        const length = check(
          Number(recv(fd, buffer, buffer.length, MSG_DONTWAIT)),
          'netlink receive',
          what,
        );
        if (takeReplies(buffer.subarray(0, length), { sequence, what, replies })) return replies;
        if (replies.length >= most) return replies.slice(0, most);
      }
    },
    [Symbol.dispose]: () => {
      closeFd(fd);
    },
  };
}

/** Whether the end of the replies to `sequence` was among them. */
function takeReplies(
  packet: Buffer,
  into: { sequence: number; what: string; replies: NetlinkMessage[] },
): boolean {
  for (let at = 0; at + headerBytes <= packet.length;) {
    const length = packet.readUInt32LE(at);
    if (length < headerBytes || at + length > packet.length) break;
    const type = packet.readUInt16LE(at + 4);
    const payload = packet.subarray(at + headerBytes, at + length);
    // What a request that failed half-way left behind.
    if (packet.readUInt32LE(at + 8) === into.sequence) {
      if (type === NLMSG_ERROR || type === NLMSG_DONE) {
        const errno = payload.length >= 4 ? -payload.readInt32LE(0) : 0;
        if (errno !== 0) throw new SysError(errnoName(errno), 'netlink', into.what);
        return true;
      }
      into.replies.push({ type, payload: Buffer.from(payload) });
    }
    at += (length + 3) & ~3;
  }
  return false;
}
