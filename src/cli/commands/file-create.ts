import { deleteGuestFile, writeGuestFile, type GuestFileWrite } from '../../client/files.ts';
import { WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { ownershipOptions, parseOwnership } from '../files/ownership.ts';
import { ensureParents, findGuestType, type GuestPlace } from '../files/push.ts';
import { guestPathWord, parentsOption } from '../files/words.ts';
import { parseGuestPath } from '../names.ts';
import { forEachInOrder } from '../together.ts';
import { UsageError } from '../usage-error.ts';

export const mkdir = defineCommand({
  name: 'file mkdir',
  summary: 'Make directories in a machine',
  examples: [
    { line: 'warren file mkdir web/srv/site', does: 'owned by root there, mode 0755' },
    { line: 'warren file mkdir -p web/srv/a/b --uid 1000', does: 'with those above it' },
  ],
  positionals: {
    directories: { kind: 'some', ...guestPathWord },
  },
  options: {
    parents: { ...parentsOption, summary: 'Those above it too; one that is there is fine' },
    ...ownershipOptions,
  },
  next: 'warren file push -r DIRECTORY NAME/PATH',
  async run({ client }, args) {
    const ownership = parseOwnership(args);
    await forEachInOrder(args.directories, async (word) => {
      const { instance, path } = parseGuestPath(word);
      const place: GuestPlace = { client, instance, ownership };
      if (!args.parents) await refuseThere(place, path, 'directory');
      // With the dot, a link to a directory counts as one.
      else if ((await findGuestType(place, `${path}/.`)) === 'directory') return;
      else await ensureParents(place, path);
      await make(place, path, { type: 'directory' });
    });
    return undefined;
  },
});

export const create = defineCommand({
  name: 'file create',
  summary: 'Make an empty file, a directory or a symbolic link in a machine',
  examples: [
    { line: 'warren file create web/etc/nologin', does: 'an empty file' },
    { line: 'warren file create web/srv/current site-2', does: 'a symbolic link to site-2' },
    { line: 'warren file create --type directory web/srv/site', does: 'the same as file mkdir' },
  ],
  positionals: {
    file: { kind: 'required', ...guestPathWord },
    target: { kind: 'optional', summary: 'What a symbolic link points to' },
  },
  options: {
    type: {
      kind: 'text',
      value: 'TYPE',
      choices: ['file', 'directory', 'symlink'],
      summary: 'file, directory or symlink',
    },
    'create-dirs': parentsOption,
    force: { kind: 'flag', alias: 'f', summary: 'In place of a file or link that is there' },
    ...ownershipOptions,
  },
  next: 'warren file edit NAME/PATH',
  async run({ client }, args) {
    const { instance, path } = parseGuestPath(args.file);
    const file = describe(args.type ?? guessType(path, args.target), args.target);
    const place: GuestPlace = { client, instance, ownership: parseOwnership(args) };
    if (args['create-dirs']) await ensureParents(place, path);
    if (!args.force) await refuseThere(place, path, file.type);
    else await clear(place, path);
    await make(place, path, file);
    return undefined;
  },
});

function guessType(path: string, target: string | undefined): string {
  if (target !== undefined) return 'symlink';
  return path.endsWith('/') ? 'directory' : 'file';
}

function describe(type: string, target: string | undefined): GuestFileWrite {
  if ((type === 'symlink') !== (target !== undefined)) {
    throw new UsageError(
      target === undefined
        ? 'Cannot make a symbolic link: wanted what it points to'
        : `Cannot make a ${type} with a target: only symbolic links have one`,
    );
  }
  if (type === 'symlink') return { type, content: target ?? '' };
  return { type: type === 'directory' ? type : 'file' };
}

async function refuseThere(place: GuestPlace, path: string, kind: string): Promise<void> {
  if ((await findGuestType(place, path)) === undefined) return;
  throw new WarrenError('exists', { kind, name: `${place.instance}${path}` });
}

/** Deletes what is there. Throws `wrong_state` for a directory. */
async function clear(place: GuestPlace, path: string): Promise<void> {
  const type = await findGuestType(place, path);
  if (type === undefined) return;
  if (type === 'directory') {
    const name = `${place.instance}${path}`;
    const hint = `warren file delete -r ${name}`;
    const wanted = 'a file or a link';
    throw new WarrenError('wrong_state', {
      name,
      action: 'replace',
      state: 'a directory',
      wanted,
      hint,
    });
  }
  await deleteGuestFile(place.client, place.instance, path);
}

async function make(place: GuestPlace, path: string, file: GuestFileWrite): Promise<void> {
  const { uid = 0, gid = 0, mode } = place.ownership;
  await writeGuestFile(place.client, place.instance, path, { uid, gid, mode, ...file });
}
