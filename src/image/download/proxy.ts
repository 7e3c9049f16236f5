import { BlockList, isIP, isIPv4 } from 'node:net';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a URL is to be asked for through, by `http_proxy` and `https_proxy`; undefined
 * where there is none or `no_proxy` excepts the host. Names in lower case go before those in upper
 * case, and this host is never asked for through another. Throws an error whose message names the
 * variable and not what it holds, for that may be a password.
 */
export function findProxy(target: URL, env: Environment): URL | undefined {
  const name = target.protocol === 'https:' ? 'https_proxy' : 'http_proxy';
  const text = proxyVariable(env, name);
  if (text === '' || isExcepted(target, proxyVariable(env, 'no_proxy'))) return undefined;
  const url = text.includes('://') ? text : `http://${text}`;
  const proxy = URL.canParse(url) ? new URL(url) : undefined;
  if (proxy?.protocol === 'http:' || proxy?.protocol === 'https:') return proxy;
  throw new Error(`${name} is no proxy for HTTP, wanted http://HOST:PORT`);
}

/** `http_proxy` and the like, in lower case or else in upper case. Empty where it is not set. */
export function proxyVariable(
  env: Environment,
  name: 'http_proxy' | 'https_proxy' | 'no_proxy',
): string {
  return (env[name] ?? env[name.toUpperCase()] ?? '').trim();
}

/**
 * `no_proxy` as curl and Go have it: hosts with all below them, addresses, ranges of them; each may
 * have a port.
 */
function isExcepted(target: URL, exceptions: string): boolean {
  const host = hostOf(target);
  if (isThisHost(host)) return true;
  const port = portOf(target);
  return exceptions
    .toLowerCase()
    .split(/[,\s]+/)
    .some((entry) => {
      if (entry === '*') return true;
      const [, name = '', only = port] = /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? ['', entry];
      return only === port && covers(bare(name), host);
    });
}

function covers(entry: string, host: string): boolean {
  const [network = '', bits] = entry.split('/');
  if (isIP(network) > 0) {
    if (bits === undefined) return network === host;
    return isIP(host) === isIP(network) && isWithin(network, bits, host);
  }
  const name = entry.replace(/^\*?\./, '');
  return name !== '' && (host === name || host.endsWith(`.${name}`));
}

function isWithin(network: string, bits: string, host: string): boolean {
  const family = isIPv4(network) ? 'ipv4' : 'ipv6';
  if (!/^\d{1,3}$/.test(bits) || Number(bits) > (family === 'ipv4' ? 32 : 128)) return false;
  const range = new BlockList();
  range.addSubnet(network, Number(bits), family);
  return range.check(host, family);
}

function isThisHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** The host that a URL names, an IPv6 address without its brackets. */
export function hostOf({ hostname }: URL): string {
  return bare(hostname);
}

/** The port that a URL names, or else the usual one of its protocol. */
export function portOf({ protocol, port }: URL): string {
  return port || (protocol === 'https:' ? '443' : '80');
}

function bare(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
