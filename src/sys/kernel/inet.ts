import { isIPv6 } from 'node:net';

import { check, libc } from './libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_BINDTODEVICE = 25;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;

const bind = libc.func('int bind(int fd, void *address, unsigned int length)');
const setsockopt = libc.func(
  'int setsockopt(int fd, int level, int name, void *value, unsigned int length)',
);
const sendto = libc.func(
  'intptr_t sendto(int fd, void *data, size_t length, int flags, void *address, unsigned int addressLength)',
);

/** Port 0 lets the kernel choose. IPv6 sockets do not take IPv4. */
export function bindInet(fd: number, host: string, port: number): void {
  const address = inetAddress(host, port);
  if (isIPv6(host)) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, integer(1));
  check(bind(fd, address, address.length) as number, 'bind', `${host}:${port}`);
}

/** A listener may bind to a port whose last connections still linger (man 7 socket). */
export function allowAddressReuse(fd: number): void {
  setOption(fd, SOL_SOCKET, SO_REUSEADDR, integer(1));
}

/** Only packets of one interface, in and out (man 7 socket). */
export function bindToDevice(fd: number, device: string): void {
  setOption(fd, SOL_SOCKET, SO_BINDTODEVICE, Buffer.from(`${device}\0`));
}

/** Sends one datagram. */
export function sendDatagram(fd: number, data: Uint8Array, host: string, port: number): void {
  const address = inetAddress(host, port);
  check(Number(sendto(fd, data, data.length, 0, address, address.length)), 'sendto', host);
}

function setOption(fd: number, level: number, name: number, value: Buffer): void {
  check(setsockopt(fd, level, name, value, value.length) as number, `setsockopt ${name}`);
}

function integer(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32LE(value);
  return buffer;
}

/** `sockaddr_in` or `sockaddr_in6`. */
function inetAddress(host: string, port: number): Buffer {
  const isV6 = isIPv6(host);
  const address = Buffer.alloc(isV6 ? 28 : 16);
  address.writeUInt16LE(isV6 ? AF_INET6 : AF_INET, 0);
  address.writeUInt16BE(port, 2);
  if (isV6) address.set(ipv6Bytes(host), 8);
  else address.set(host.split('.').map(Number), 4);
  return address;
}

/** The URL parser writes an address in its shortest form without an embedded IPv4 part. */
function ipv6Bytes(host: string): Buffer {
  const short = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [head = '', tail] = short.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const bytes = Buffer.alloc(16);
  [...before, ...Array<string>(zeros).fill('0'), ...after].forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  });
  return bytes;
}
