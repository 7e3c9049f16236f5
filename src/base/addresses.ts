/**
 * An IPv4 address as a number from 0 to 2³²-1, or undefined. Only the four-part decimal form,
 * without leading zeros.
 */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part))) {
    return undefined;
  }
  let address = 0;
  for (const part of parts) {
    if (Number(part) > 255) return undefined;
    address = address * 256 + Number(part);
  }
  return address;
}

/** `10.77.0.1` for what `parseIpv4` makes of it. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

/** An IPv4 network written as one of its addresses with a prefix. All numbers, for arithmetic. */
export interface Ipv4Subnet {
  /** The address that was written. */
  readonly address: number;
  readonly prefix: number;
  /** First (network) and last (broadcast) address. */
  readonly first: number;
  readonly last: number;
}

/** `10.77.0.1/24`, or undefined. */
export function parseIpv4Subnet(text: string): Ipv4Subnet | undefined {
  const [, host = '', prefixText = ''] = /^([^/]+)\/(\d{1,2})$/.exec(text) ?? [];
  const address = parseIpv4(host);
  const prefix = Number(prefixText);
  if (address === undefined || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  const first = address - (address % size);
  return { address, prefix, first, last: first + size - 1 };
}

/** `10.0.0.2-10.0.0.9`, both ends included, or undefined. */
export function parseIpv4Range(
  text: string,
): { readonly first: number; readonly last: number } | undefined {
  const [from = '', to = '', ...more] = text.split('-');
  const first = parseIpv4(from.trim());
  const last = parseIpv4(to.trim());
  if (first === undefined || last === undefined || first > last || more.length > 0)
    return undefined;
  return { first, last };
}

/**
 * A hardware address of one interface: six hexadecimal pairs, the group bit clear, not all zero.
 */
export function isMacAddress(text: string): boolean {
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/i.test(text)) return false;
  return (Number.parseInt(text.slice(0, 2), 16) & 1) === 0 && !/^[0:]+$/.test(text);
}
