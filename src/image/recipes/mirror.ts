import type { AptSource } from './apt-sources.ts';
import { suites, type Suite } from './suites.ts';

const defaults = {
  debian: {
    main: 'http://deb.debian.org/debian',
    security: 'http://deb.debian.org/debian-security',
    components: ['main'],
    keyring: '/usr/share/keyrings/debian-archive-keyring.gpg',
  },
  ubuntu: {
    main: 'http://archive.ubuntu.com/ubuntu',
    security: 'http://security.ubuntu.com/ubuntu',
    components: ['main', 'universe'],
    keyring: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
  },
} as const;

/** Where the packages of a suite come from. */
export interface Mirror {
  /** Lines for sources.list. */
  readonly lines: readonly string[];
  /** The host's file with the distribution's keys. */
  readonly keyring: string;
}

/**
 * The mirror this host uses for the distribution, or the distribution's own. A host with a mirror
 * of its own and no security source is taken to have both in one place.
 */
export function planMirror(suite: Suite, hostSources: readonly AptSource[]): Mirror {
  const { distribution, codename, hasUpdates } = suite;
  const fallback = defaults[distribution];
  const usable = hostSources.filter(isPlainMirror);
  const host = usable.find(({ suites: names }) => names.some((n) => isMainOf(n, distribution)));
  const hostSecurity = usable.find(({ suites: names }) =>
    names.some((n) => n.endsWith('-security') && isMainOf(n.slice(0, -9), distribution)),
  );
  const main = host?.uris[0] ?? fallback.main;
  const security = hostSecurity?.uris[0] ?? (host === undefined ? fallback.security : undefined);
  const components = fallback.components.join(' ');
  const line = (uri: string, name: string) => `deb ${trimSlash(uri)} ${name} ${components}`;
  const lines = [line(main, codename)];
  if (hasUpdates) lines.push(line(main, `${codename}-updates`));
  if (hasUpdates && security !== undefined) lines.push(line(security, `${codename}-security`));
  return { lines, keyring: fallback.keyring };
}

/** Reached over the network by a machine as well; local files and other transports are not. */
function isPlainMirror({ uris, suites: names, components }: AptSource): boolean {
  const isHttp = uris.some((uri) => /^https?:\/\/[^\s[\]@]+$/.test(uri));
  return isHttp && names.length > 0 && components.includes('main');
}

/** `bookworm`, `stable`: a release itself, not its updates or backports. */
function isMainOf(name: string, distribution: Suite['distribution']): boolean {
  const codenames = suites
    .filter((suite) => suite.distribution === distribution)
    .map(({ codename }) => codename);
  const roles = distribution === 'debian' ? ['stable', 'oldstable', 'testing', 'unstable'] : [];
  return [...codenames, ...roles].includes(name);
}

function trimSlash(uri: string): string {
  return uri.replace(/\/+$/, '');
}
