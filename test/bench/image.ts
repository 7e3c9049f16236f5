import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

import { Unavailable } from './peer.ts';

import type { Command, Host } from './host.ts';

/** One root file system in the forms that the peers take. */
export interface Image {
  /** LXD's unified archive, which warren and LXD import. */
  readonly unified: string;
  /** The bare root file system as a tar archive. */
  readonly rootfsTar: string;
  /** Unpacked; root in it is the account, the other ids are its subordinate ones. */
  readonly rootfsDir: string;
}

export const imageAlias = 'debian/12';

/** Runs a program as root of the account's subordinate ids. */
export const inIds = (...argv: string[]): Command => ({
  argv: ['unshare', '--user', '--map-root-user', '--map-auto', ...argv],
});

/**
 * The image that everybody starts from: warren builds it, unless tests or an earlier run have left
 * their export in the account's home.
 */
export function provideImage(host: Host, warren: (...words: string[]) => Command): Image {
  const directory = join(host.home, 'images');
  const unified = join(directory, 'debian-12.tar.zst');
  const cached = findExport(directory);
  if (cached !== undefined) {
    host.run(warren('image', 'import', cached, '--alias', imageAlias));
  } else {
    mkdirSync(directory, { recursive: true });
    chownSync(directory, host.uid, host.gid);
    host.run(warren('init', imageAlias, 'builder'));
    host.run(warren('delete', 'builder'));
    host.run(warren('image', 'export', imageAlias, join(directory, 'part')));
    renameSync(join(directory, 'part.tar.zst'), unified);
  }
  const rootfsDir = join(host.work, 'rootfs');
  const rootfsTar = join(host.work, 'rootfs.tar');
  const xattrs = ['--xattrs', '--xattrs-include=*', '--numeric-owner'];
  host.run({ argv: ['mkdir', rootfsDir] });
  host.run(
    inIds('tar', '-xf', cached ?? unified, '-C', rootfsDir, ...xattrs, '--strip=1', 'rootfs'),
  );
  host.run(inIds('tar', '-cf', rootfsTar, '-C', rootfsDir, ...xattrs, '.'));
  return { unified: cached ?? unified, rootfsTar, rootfsDir };
}

/** What tests (with a hash of the recipe) or an earlier run have left. */
function findExport(directory: string): string | undefined {
  if (!existsSync(directory)) return undefined;
  const name = readdirSync(directory).find((one) =>
    /^debian-12(-[0-9a-f]{12}|\.tar\.zst)?$/.test(one),
  );
  return name === undefined ? undefined : join(directory, name);
}

/** Where the account's first range of subordinate ids begins (man 5 subuid). */
export function firstSubordinate(kind: 'uid' | 'gid', account: string): number {
  const file = `/etc/sub${kind}`;
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${account}:`));
  if (line === undefined) throw new Unavailable(`${file} has no range for ${account}`);
  return Number(line.split(':')[1]);
}
