import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { guestPath } from '../../../base/brand.ts';
import { isWarrenError, WarrenError } from '../../../contract/errors.ts';
import { withInstanceFiles } from '../../../engine/instances/files.ts';
import { getInstance } from '../../../engine/instances/list.ts';
import { chunksOf, readText } from '../../http/body.ts';
import { syncBody } from '../../http/replies.ts';
import { header, param, query } from '../../http/request.ts';
import { whileConnected } from '../../http/waiting.ts';
import { instanceTrees } from './tree.ts';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { GuestPath } from '../../../base/brand.ts';
import type { Issue } from '../../../contract/errors.ts';
import type { GuestFiles, GuestStat, WriteOptions } from '../../../storage/types.ts';
import type { DaemonContext } from '../../context.ts';

/** Longest target of a symbolic link (PATH_MAX). */
const maxLinkBytes = 4096;

/**
 * `/1.0/instances/NAME/files?path=…`. `recursive=1` of DELETE is warren's own: a directory and all
 * below.
 */
export function fileRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const url = `/1.0/${tree}/:name/files`;
    app.get(url, async (request, reply) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const path = pathOf(request, 'read a file');
      await withInstanceFiles(engine, name, (files) => sendFile(files, path, request, reply));
      return reply;
    });
    app.post(url, async (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const path = pathOf(request, 'write a file');
      const wanted = readHeaders(request);
      await withInstanceFiles(engine, name, (files) => storeFile(files, path, wanted, request.raw));
      return syncBody(null);
    });
    app.delete(url, async (request) => {
      const { name } = getInstance(engine, param(request, 'name'));
      const path = pathOf(request, 'delete a file');
      using client = whileConnected(request);
      const { signal } = client;
      const recursive = query(request, 'recursive') === '1';
      await withInstanceFiles(engine, name, (files) => files.remove(path, { recursive, signal }));
      return syncBody(null);
    });
  }
}

function pathOf(request: FastifyRequest, what: string): GuestPath {
  const path = query(request, 'path') ?? '';
  if (path === '' || path.includes('\0')) {
    const problem = path === '' ? 'is missing' : 'holds a NUL character';
    throw new WarrenError('invalid', { what, issues: [{ path: 'path', problem }] });
  }
  return guestPath(path);
}

async function sendFile(
  files: GuestFiles,
  path: GuestPath,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const stat = await files.stat(path);
  if (request.method === 'HEAD') {
    const content = { 'Content-Type': 'application/octet-stream', 'Content-Length': stat.size };
    // Fastify would give the length of the body that is not sent.
    reply.hijack();
    reply.raw
      .writeHead(200, { ...headersOf(stat), ...(stat.type === 'file' ? content : {}) })
      .end();
    return;
  }
  switch (stat.type) {
    case 'directory': {
      const names = (await files.list(path)).map((name) => name.toString('utf8')).sort();
      void reply.headers(headersOf(stat)).send(syncBody(names));
      return;
    }
    case 'symlink': {
      const target = await files.readLink(path);
      const type = { 'Content-Type': 'application/octet-stream' };
      void reply.headers({ ...headersOf(stat), ...type }).send(target);
      return;
    }
    case 'file': {
      const { stat: opened, content } = await files.read(path);
      try {
        const headers = headersOf(opened);
        reply.hijack();
        reply.raw.writeHead(200, { ...headers, 'Content-Type': 'application/octet-stream' });
        // The machine's root stays mounted until the last byte is read.
        await pipeline(content, reply.raw);
      } catch (error) {
        if (reply.sent) reply.raw.destroy();
        if (!isClientGone(error)) throw error;
      } finally {
        content.destroy();
      }
      return;
    }
    case 'other':
      throw new WarrenError('invalid', {
        what: 'read a file',
        issues: [{ path: 'path', problem: `${path} is a device, socket or pipe` }],
      });
  }
}

/** Or the machine is, whose end breaks off the answer. */
function isClientGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return ['ERR_STREAM_PREMATURE_CLOSE', 'EPIPE', 'ECONNRESET', 'cancelled'].includes(String(code));
}

/** Years 1 to 9999, in milliseconds: what the header's form can say. A guest may set any time. */
const earliestMs = -62_135_596_800_000;
const latestMs = 253_402_300_799_000;

export function headersOf(stat: GuestStat): Record<string, string> {
  const modified = new Date(Math.min(Math.max(stat.modifiedMs, earliestMs), latestMs));
  return {
    'X-LXD-uid': String(stat.uid),
    'X-LXD-gid': String(stat.gid),
    'X-LXD-mode': `0${(stat.mode & 0o7777).toString(8)}`,
    'X-LXD-type': stat.type,
    'X-LXD-modified': `${modified.toISOString().slice(0, 19).replace('T', ' ')} +0000 UTC`,
  };
}

interface FileHeaders {
  readonly type: 'file' | 'directory' | 'symlink';
  readonly options: WriteOptions;
}

function readHeaders(request: FastifyRequest): FileHeaders {
  const issues: Issue[] = [];
  const number = (name: string, largest: number): number | undefined => {
    const text = header(request, name) ?? '';
    if (text === '') return undefined;
    const value = parseNumber(text);
    if (value === undefined || value > largest) {
      issues.push({ path: name, problem: `"${text.slice(0, 40)}" is no number up to ${largest}` });
    }
    return value;
  };
  const uid = number('X-LXD-uid', 0xffff_fffe);
  const gid = number('X-LXD-gid', 0xffff_fffe);
  const mode = number('X-LXD-mode', 0o7777);
  const type = (header(request, 'X-LXD-type') ?? '') || 'file';
  const write = (header(request, 'X-LXD-write') ?? '') || 'overwrite';
  if (type !== 'file' && type !== 'directory' && type !== 'symlink') {
    issues.push({ path: 'X-LXD-type', problem: `"${type}" is none of file, directory, symlink` });
  }
  if (write !== 'overwrite' && write !== 'append') {
    issues.push({ path: 'X-LXD-write', problem: `"${write}" is none of overwrite, append` });
  }
  if (issues.length > 0) throw new WarrenError('invalid', { what: 'write a file', issues });
  return {
    type: type as FileHeaders['type'],
    options: {
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(mode === undefined ? {} : { mode }),
      append: write === 'append',
    },
  };
}

/** As Go reads numbers with base 0: `0644` and `0o644` are octal, `0x1a4` hexadecimal. */
function parseNumber(text: string): number | undefined {
  const [, octal, hex, decimal] =
    /^(?:0o?([0-7]{1,12})|0x([0-9a-f]{1,8})|(0|[1-9]\d{0,9}))$/i.exec(text) ?? [];
  if (octal !== undefined) return parseInt(octal, 8);
  if (hex !== undefined) return parseInt(hex, 16);
  return decimal === undefined ? undefined : Number(decimal);
}

async function storeFile(
  files: GuestFiles,
  path: GuestPath,
  { type, options }: FileHeaders,
  body: IncomingMessage,
): Promise<void> {
  switch (type) {
    case 'file':
      return files.write(path, Readable.from(chunksOf(body), { objectMode: false }), options);
    case 'directory':
      return unlessThere(
        () => files.makeDirectory(path, options),
        async () => (await files.stat(path)).type === 'directory',
      );
    case 'symlink': {
      const { text, whole } = await readText(body, maxLinkBytes);
      const target = text.toString('utf8');
      if (!whole || target === '' || target.includes('\0')) {
        const problem = 'is no target of a link, wanted 1 to 4096 bytes without NUL';
        throw new WarrenError('invalid', {
          what: 'write a link',
          issues: [{ path: 'body', problem }],
        });
      }
      return unlessThere(
        () => files.makeSymlink(path, target, options),
        async () =>
          (await files.stat(path)).type === 'symlink' && (await files.readLink(path)) === target,
      );
    }
  }
}

/** Clients that copy a tree do not look first: what is there as wanted is fine, as in LXD. */
async function unlessThere(
  make: () => Promise<void>,
  isThere: () => Promise<boolean>,
): Promise<void> {
  try {
    await make();
  } catch (error) {
    if (!isWarrenError(error, 'exists') || !(await isThere())) throw error;
  }
}
