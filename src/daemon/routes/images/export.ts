import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';

import { exportImage } from '../../../engine/images/export.ts';
import { param } from '../../http/request.ts';

import { ownerOfImages } from './owner.ts';

import type { FastifyInstance } from 'fastify';
import type { ExportFile } from '../../../engine/images/export.ts';
import type { DaemonContext } from '../../context.ts';

/**
 * `GET /1.0/images/FINGERPRINT/export`: the file as it is, or the two of a split image as a
 * multipart body. Clients check the bytes against the fingerprint, and name the file by the header.
 */
export function imageExportRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  app.get('/1.0/images/:fingerprint/export', async (request, reply) => {
    const project = ownerOfImages(engine, request);
    const { metadata, rootfs } = await exportImage(engine, project, param(request, 'fingerprint'));
    if (rootfs === undefined) {
      void reply.headers({
        'Content-Type': 'application/octet-stream',
        'Content-Length': String(metadata.sizeBytes),
        'Content-Disposition': `inline;filename=${metadata.filename}`,
      });
      return reply.send(createReadStream(metadata.path));
    }
    const boundary = randomUUID();
    void reply.header('Content-Type', `multipart/form-data; boundary=${boundary}`);
    const parts = [
      { name: 'metadata', file: metadata },
      { name: 'rootfs', file: rootfs },
    ];
    return reply.send(Readable.from(multipart(parts, boundary), { objectMode: false }));
  });
}

async function* multipart(
  parts: readonly { readonly name: string; readonly file: ExportFile }[],
  boundary: string,
): AsyncGenerator<Buffer> {
  for (const { name, file } of parts) {
    const disposition = `form-data; name="${name}"; filename="${file.filename}"`;
    yield Buffer.from(
      `--${boundary}\r\nContent-Disposition: ${disposition}\r\n` +
        'Content-Type: application/octet-stream\r\n\r\n',
    );
    yield* createReadStream(file.path) as AsyncIterable<Buffer>;
    yield Buffer.from('\r\n');
  }
  yield Buffer.from(`--${boundary}--\r\n`);
}
