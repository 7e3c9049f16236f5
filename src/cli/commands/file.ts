import { mkdir, stat } from 'node:fs/promises';
import { dirname, extname, join, posix } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { deleteGuestFile, readGuestFile, writeGuestFile } from '../../client/files.ts';
import { WarrenError } from '../../contract/errors.ts';
import { defineCommand } from '../command.ts';
import { editText } from '../editor.ts';
import { pullTree } from '../files/pull.ts';
import { ensureParents, pushTree, targetFor, type PushInput } from '../files/push.ts';
import { ownershipOptions, parseOwnership } from '../files/ownership.ts';
import { guestPathWord, parentsOption } from '../files/words.ts';
import { parseGuestPath } from '../names.ts';
import { forEachInOrder } from '../together.ts';
import { UsageError } from '../usage-error.ts';

const recursive = { kind: 'flag', alias: 'r', summary: 'Whole directories' } as const;

export const push = defineCommand({
  name: 'file push',
  summary: 'Copy files into a machine',
  examples: [
    { line: 'warren file push site.conf web/etc/nginx/', does: 'into a directory' },
    { line: 'warren file push -r ./site web/srv/', does: 'a whole directory' },
    { line: 'warren file push - web/etc/motd', does: 'standard input' },
  ],
  positionals: {
    sources: { kind: 'some', summary: 'Files here; - is standard input', complete: 'file' },
    target: { kind: 'required', ...guestPathWord },
  },
  options: {
    recursive,
    'create-dirs': parentsOption,
    ...ownershipOptions,
  },
  next: 'warren exec NAME -- ls -l PATH',
  async run(context, args) {
    const { client, progress, stdin } = context;
    const { instance, path } = parseGuestPath(args.target);
    const ownership = parseOwnership(args);
    progress.start(`Copying to ${instance}`);
    const input: PushInput = {
      client,
      instance,
      recursive: args.recursive,
      ownership,
      onFile: (stage) => {
        progress.step({ stage });
      },
    };
    for (const source of args.sources) {
      if (source === '-' && path.endsWith('/')) {
        throw new UsageError('Cannot push standard input: wanted a name for it after the last /');
      }
      const several = args.sources.length > 1;
      const target = source === '-' ? path : await targetFor(input, source, path, several);
      if (args['create-dirs']) await ensureParents(input, target);
      if (source === '-') {
        await writeGuestFile(client, instance, target, {
          ...ownership,
          type: 'file',
          content: stdin,
        });
      } else await pushTree(input, source, target);
    }
    return undefined;
  },
});

export const pull = defineCommand({
  name: 'file pull',
  summary: 'Copy files out of a machine',
  examples: [
    { line: 'warren file pull web/etc/hosts .', does: 'one file, here' },
    { line: 'warren file pull -r web/var/log ./logs', does: 'a whole directory' },
    { line: 'warren file pull web/etc/hosts -', does: 'to standard output' },
  ],
  positionals: {
    sources: { kind: 'some', ...guestPathWord },
    target: {
      kind: 'required',
      summary: 'File or directory here; - is standard output',
      complete: 'file',
    },
  },
  options: {
    recursive,
    'create-dirs': parentsOption,
  },
  next: 'warren file push FILE NAME/PATH',
  async run(context, args) {
    const { client, progress, stdout } = context;
    const { target } = args;
    if (args['create-dirs'] && target !== '-') await makeTargetDirectory(target);
    const into = await isInto(target, args.sources.length > 1);
    for (const source of args.sources) {
      const { instance, path } = parseGuestPath(source);
      const guestPath = posix.normalize(path).replace(/(?<=.)\/+$/, '');
      if (target === '-') {
        const file = await readGuestFile(client, instance, guestPath);
        if (file.type !== 'file') throw notAFile(source, file.type);
        await pipeline(file.content, stdout, { end: false });
        continue;
      }
      progress.start(`Copying from ${instance}`);
      const name = posix.basename(guestPath) || instance;
      await pullTree(
        {
          client,
          instance,
          recursive: args.recursive,
          onFile: (stage) => {
            progress.step({ stage });
          },
        },
        guestPath,
        into ? join(target, name) : target,
      );
    }
    return undefined;
  },
});

async function makeTargetDirectory(target: string): Promise<void> {
  await mkdir(target.endsWith('/') ? target : dirname(target), { recursive: true });
}

/** Whether files are copied into the target, not to it. It may be a link to a directory. */
async function isInto(target: string, several: boolean): Promise<boolean> {
  if (several || target.endsWith('/')) return true;
  return await stat(target).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

function notAFile(source: string, type: string): WarrenError {
  return new WarrenError('wrong_state', {
    name: source,
    action: 'use',
    state: `a ${type}`,
    wanted: 'a file',
  });
}

export const edit = defineCommand({
  name: 'file edit',
  summary: 'Edit a file of a machine; its owner and mode stay',
  examples: [{ line: 'warren file edit web/etc/hosts', does: 'opens $EDITOR' }],
  positionals: {
    file: { kind: 'required', ...guestPathWord },
  },
  options: {},
  next: 'warren file pull NAME/PATH -',
  async run(context, args) {
    const { client, terminal, stdin } = context;
    const { instance, path } = parseGuestPath(args.file);
    if (!terminal.isInteractive) {
      await writeGuestFile(client, instance, path, { type: 'file', content: stdin });
      return undefined;
    }
    const file = await readGuestFile(client, instance, path);
    if (file.type !== 'file') throw notAFile(args.file, file.type);
    const chunks: Buffer[] = [];
    for await (const chunk of file.content) chunks.push(chunk as Buffer);
    // The ending tells the editor what it is; nothing else of the guest's name is used.
    const suffix = /^\.[A-Za-z0-9]{1,10}$/.exec(extname(path))?.[0] ?? '';
    const edited = await editText(context, Buffer.concat(chunks), suffix);
    if (edited === undefined) context.warn('nothing was changed');
    else await writeGuestFile(client, instance, path, { type: 'file', content: edited });
    return undefined;
  },
});

export const deleteFile = defineCommand({
  name: 'file delete',
  summary: 'Delete files of a machine',
  examples: [
    { line: 'warren file delete web/etc/motd', does: 'a file or an empty directory' },
    { line: 'warren file delete -r web/srv/site', does: 'a directory and all that is in it' },
  ],
  positionals: {
    files: { kind: 'some', ...guestPathWord },
  },
  options: {
    recursive: { ...recursive, summary: 'Directories with all that is in them' },
    // As incus calls it.
    force: { kind: 'flag', alias: 'f', hidden: true, summary: 'The same' },
  },
  next: 'warren exec NAME -- ls PATH',
  async run({ client, progress }, args) {
    progress.start('Deleting');
    await forEachInOrder(args.files, async (word) => {
      const { instance, path } = parseGuestPath(word);
      await deleteGuestFile(client, instance, path, { recursive: args.recursive || args.force });
    });
    return undefined;
  },
});
