import { parseIpv4 } from '../../base/addresses.ts';

/** Where a proxy device listens or connects. */
export type ProxyEndpoint =
  | { readonly kind: 'tcp' | 'udp'; readonly host: string; readonly ports: readonly number[] }
  | { readonly kind: 'unix'; readonly path: string };

/** Ports of one proxy device: each is a socket of the daemon. */
const maxPorts = 256;

/**
 * LXD's `tcp:ADDRESS:PORT[-PORT][,PORT…]`, the same with `udp`, or `unix:/PATH`. The address is
 * IPv4 or IPv6 in brackets; without one (`tcp::80`, `tcp:80`) it is 127.0.0.1. Undefined when the
 * text is none.
 */
export function parseProxyAddress(text: string): ProxyEndpoint | undefined {
  const [, kind, rest = ''] = /^(tcp|udp|unix):(.*)$/.exec(text) ?? [];
  if (kind === 'unix') {
    // sun_path holds 107 bytes and a NUL. What a policy says of paths is not got round by `..`.
    const isPlain = /^\/[^\0]{1,106}$/.test(rest) && !rest.split('/').includes('..');
    return isPlain ? { kind, path: rest } : undefined;
  }
  if (kind !== 'tcp' && kind !== 'udp') return undefined;
  const [, bracketed, plain, portText = ''] =
    /^(?:\[([0-9a-fA-F:.]+)\]:|([0-9.]*):)?([0-9,-]+)$/.exec(rest) ?? [];
  const host = bracketed ?? (plain === undefined || plain === '' ? '127.0.0.1' : plain);
  if (bracketed === undefined && parseIpv4(host) === undefined) return undefined;
  if (bracketed !== undefined && !isIpv6(bracketed)) return undefined;
  const ports = parsePorts(portText);
  return ports === undefined ? undefined : { kind, host, ports };
}

function parsePorts(text: string): number[] | undefined {
  const ports: number[] = [];
  for (const part of text.split(',')) {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part) ?? [];
    if (first === undefined || last === undefined) return undefined;
    const [from, to] = [Number(first), Number(last)];
    if (from < 1 || to > 65_535 || from > to || ports.length + to - from >= maxPorts) {
      return undefined;
    }
    for (let port = from; port <= to; port++) ports.push(port);
  }
  return ports;
}

/**
 * The URL parser of the platform knows the grammar of IPv6; nothing else of a URL gets through the
 * characters above.
 */
function isIpv6(text: string): boolean {
  return URL.canParse(`http://[${text}]/`);
}
