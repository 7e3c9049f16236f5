import { closeSync, mkdirSync, openSync, rmSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

import type { HostPath } from '../base/brand.ts';
import { MNT_DETACH, unmount } from '../sys/kernel/mount.ts';
import { openRouteSocket, type NetlinkMessage } from '../sys/kernel/netlink.ts';
import type { NetnsThread, SocketKind } from '../sys/kernel/netns.ts';
import { hasErrno } from '../sys/sys-error.ts';

import { linkUp, listLinks, parseLinks, type Link, type Request } from './rtnetlink.ts';

/** NSFS_MAGIC of linux/magic.h: what a mounted namespace file says its file system is. */
const NSFS_MAGIC = 0x6e736673;

/** The network namespace that holds the bridges, open. */
export interface Switch {
  /** Path by which programs enter it. */
  readonly file: HostPath;
  /** One request to its kernel configuration; see `RouteSocket`. */
  request(what: string, request: Request): NetlinkMessage[];
  links(): Link[];
  findLink(name: string): Link | undefined;
  /** A socket in there, which the caller closes. */
  openSocket(kind: SocketKind): Promise<number>;
  /** Lets go of it; it stays for the next daemon. */
  release(): void;
  /** Lets go of it and takes the mount away, which ends it once its programs have ended. */
  remove(): void;
}

/** Makes the switch, or adopts the one an earlier daemon left behind the same path. */
export async function openSwitch(file: HostPath, thread: NetnsThread): Promise<Switch> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  if (!isNetns(file)) {
    closeSync(openSync(file, 'a', 0o600));
    await thread.createNetns(file);
  }
  const fd = openSync(file, 'r');
  const route = openRouteSocket(
    await thread.openSocket(fd, 'route').catch((error: unknown) => {
      closeSync(fd);
      throw error;
    }),
  );
  const links = (): Link[] => parseLinks(route.request('list interfaces', listLinks()));
  const release = (): void => {
    route[Symbol.dispose]();
    closeSync(fd);
  };
  route.request('set up lo', linkUp('lo'));
  return {
    file,
    request: (what, request) => route.request(what, request),
    links,
    findLink: (name) => links().find((link) => link.name === name),
    openSocket: (kind) => thread.openSocket(fd, kind),
    release,
    remove: () => {
      release();
      unmount(file, MNT_DETACH);
      rmSync(file);
    },
  };
}

function isNetns(file: HostPath): boolean {
  try {
    return statfsSync(file).type === NSFS_MAGIC;
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return false;
    throw error;
  }
}
