import { randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { hostPath } from '../../../base/brand.ts';
import { WarrenError } from '../../../contract/errors.ts';
import { importImage } from '../../../engine/images/import.ts';
import { chunksOf } from '../../http/body.ts';
import { boundaryOf, readMultipart } from '../../http/multipart.ts';
import { accepted } from '../../http/replies.ts';
import { header } from '../../http/request.ts';
import { ownerOfImages } from './owner.ts';
import { hasErrno } from '../../../sys/sys-error.ts';

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { HostPath } from '../../../base/brand.ts';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { Paths } from '../../../contract/paths.ts';
import type { ImportImageInput } from '../../../engine/images/import.ts';
import type { ImageFiles } from '../../../image/types.ts';
import type { DaemonContext } from '../../context.ts';

const what = 'import the image';

/** Where uploads lie until they are imported. Emptied when a daemon starts. */
export function uploadsDir(paths: Paths): HostPath {
  return hostPath(`${paths.dataDir}/uploads`);
}

/**
 * Takes an image file (or the two of a split image) to disk as it arrives and imports it in the
 * background. `head` is what was read of the body already.
 */
export async function startUpload(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
  head: Buffer,
): Promise<AsyncResponse> {
  const { engine } = context;
  const options = readHeaders(request);
  const dir = hostPath(`${uploadsDir(engine.paths)}/${randomUUID()}`);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const clean = (): Promise<void> => rm(dir, { recursive: true, force: true });
  try {
    const received = await receive(request, head, dir);
    const filename = options.filename ?? received.filename ?? 'image';
    const project = ownerOfImages(engine, request);
    const input: ImportImageInput = { ...options, project, filename, files: received.files };
    const operation = context.operations.start({
      description: 'Downloading image',
      resources: {},
      cancellable: true,
      work: async (work) => {
        try {
          const { fingerprint, sizeBytes } = await importImage(engine, input, work);
          return { fingerprint, size: String(sizeBytes) };
        } finally {
          await clean();
        }
      },
    });
    return accepted(reply, operation.render());
  } catch (error) {
    await clean();
    if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    throw new WarrenError('no_space', { what, where: engine.paths.dataDir }, { cause: error });
  }
}

interface UploadHeaders extends Omit<ImportImageInput, 'project' | 'files' | 'filename'> {
  readonly filename: string | undefined;
}

function readHeaders(request: FastifyRequest): UploadHeaders {
  const values = (name: string): URLSearchParams =>
    new URLSearchParams(header(request, name) ?? '');
  const isTrue = (name: string): boolean =>
    ['1', 'true', 'yes', 'on'].includes((header(request, name) ?? '').toLowerCase());
  const text = (name: string): string | undefined => (header(request, name) ?? '') || undefined;
  return {
    filename: text('X-LXD-filename')?.replace(/.*\//, '').slice(0, 255),
    properties: Object.fromEntries(values('X-LXD-properties')),
    profiles: values('X-LXD-profiles').getAll('profile'),
    public: isTrue('X-LXD-public'),
    autoUpdate: false,
    expiresAtMs: undefined,
    fingerprint: text('X-LXD-fingerprint'),
    aliases: values('X-LXD-aliases')
      .getAll('alias')
      .map((name) => ({ name, description: '' })),
  };
}

interface Received {
  readonly files: ImageFiles;
  readonly filename: string | undefined;
}

async function receive(request: FastifyRequest, head: Buffer, dir: HostPath): Promise<Received> {
  const body = wholeBody(request.raw, head);
  const boundary = boundaryOf(header(request, 'content-type'));
  if (boundary === undefined) {
    const metadata = hostPath(`${dir}/metadata`);
    const size = await save(body, metadata);
    if (size === 0) throw bad('it is empty');
    return { files: { metadata }, filename: undefined };
  }
  const files: Partial<Record<'metadata' | 'rootfs', HostPath>> = {};
  let filename: string | undefined;
  await readMultipart(body, boundary, async (part, content) => {
    const kind = part.name === 'rootfs.img' ? 'rootfs' : part.name;
    if (kind !== 'metadata' && kind !== 'rootfs') throw bad(`it has a part "${part.name}"`);
    if (files[kind] !== undefined) throw bad(`it has two parts "${part.name}"`);
    const path = hostPath(`${dir}/${kind}`);
    files[kind] = path;
    if (kind === 'metadata') filename = part.filename?.replace(/.*\//, '').slice(0, 255);
    await save(content, path);
  });
  const { metadata, rootfs } = files;
  if (metadata === undefined) throw bad('it has no part "metadata"');
  return { files: { metadata, ...(rootfs === undefined ? {} : { rootfs }) }, filename };
}

async function* wholeBody(raw: IncomingMessage, head: Buffer): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head;
  yield* chunksOf(raw);
}

/** Writes a body to a new file and returns its length in bytes. */
export async function save(content: AsyncIterable<Buffer>, path: HostPath): Promise<number> {
  const file = createWriteStream(path, { mode: 0o600, flags: 'wx' });
  await pipeline(Readable.from(content, { objectMode: false }), file);
  return file.bytesWritten;
}

function bad(problem: string): WarrenError {
  return new WarrenError('invalid', { what, issues: [{ path: 'body', problem }] });
}
