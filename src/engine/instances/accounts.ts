import { guestPath } from '../../base/brand.ts';
import type { GuestFiles } from '../../storage/types.ts';

/** What a machine says of one of its users. */
export interface GuestUser {
  readonly name: string;
  readonly gid: number;
  readonly home: string;
  /** Ids of further groups. */
  readonly groups: readonly number[];
}

/** A guest may write what it likes into its files; more than this is not read. */
const maxBytes = 1024 * 1024;
const maxGroups = 1024;

/**
 * The user in the machine's own /etc/passwd and /etc/group; undefined when it has none or no such
 * files.
 */
export async function lookUpUser(files: GuestFiles, uid: number): Promise<GuestUser | undefined> {
  const user = findUser(await readOrEmpty(files, '/etc/passwd'), uid);
  if (user === undefined) return undefined;
  return { ...user, groups: groupsOf(await readOrEmpty(files, '/etc/group'), user.name) };
}

/** passwd(5). Lines that make no sense are passed over. */
function findUser(passwd: string, uid: number): Omit<GuestUser, 'groups'> | undefined {
  for (const line of passwd.split('\n')) {
    const [name = '', , uidText, gidText, , home = ''] = line.split(':');
    if (name === '' || !isId(uidText) || Number(uidText) !== uid || !isId(gidText)) continue;
    return { name, gid: Number(gidText), home: home.startsWith('/') ? home : '/' };
  }
  return undefined;
}

/** group(5): ids of the groups that name the user as a member. */
function groupsOf(group: string, user: string): number[] {
  const groups = new Set<number>();
  for (const line of group.split('\n')) {
    const [, , gidText, members = ''] = line.split(':');
    if (isId(gidText) && members.split(',').includes(user)) groups.add(Number(gidText));
  }
  return [...groups].slice(0, maxGroups);
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,9}$/.test(text);
}

async function readOrEmpty(files: GuestFiles, path: string): Promise<string> {
  return files.readText(guestPath(path), maxBytes).catch(() => '');
}
