import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';

import { hostPath, type HostPath } from '../../../base/brand.ts';
import { WarrenError } from '../../../contract/errors.ts';
import { importBackup, readBackup } from '../../../engine/backups/import.ts';
import { unattended } from '../../../engine/types.ts';
import { hasErrno } from '../../../sys/sys-error.ts';
import { chunksOf } from '../../http/body.ts';
import { header, projectOfRequest } from '../../http/request.ts';
import { save, uploadsDir } from '../images/upload.ts';
import { startOn } from './tree.ts';

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { EngineDeps } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

const what = 'import the backup';

/**
 * `POST /1.0/instances` with a backup as its body: takes it to disk as it arrives, reads its index
 * before it answers, and makes the machine in the background.
 */
export async function startImport(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<AsyncResponse> {
  const { engine } = context;
  const wanted = header(request, 'X-LXD-name') ?? '';
  const pool = header(request, 'X-LXD-pool') ?? '';
  if (pool !== '' && pool !== 'default') {
    throw new WarrenError('not_found', { kind: 'storage pool', name: pool });
  }
  return await withUpload(engine, request, async (file, clean) => {
    const name = wanted === '' ? undefined : wanted;
    const backup = await readBackup(engine, file, name, projectOfRequest(request), unattended);
    return startOn(context, reply, backup.name, {
      description: 'Restoring backup',
      cancellable: true,
      work: async (work) => {
        try {
          await importBackup(engine, backup, work);
          return undefined;
        } finally {
          await clean();
        }
      },
    });
  });
}

/**
 * Takes the body of a request to disk for `use`, which calls `clean` when it is done with the file;
 * when `use` itself fails, the file is removed. Throws `no_space`.
 */
export async function withUpload<T>(
  engine: EngineDeps,
  request: FastifyRequest,
  use: (file: HostPath, clean: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const dir = `${uploadsDir(engine.paths)}/${randomUUID()}`;
  const clean = (): Promise<void> => rm(dir, { recursive: true, force: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });
  try {
    const file = hostPath(`${dir}/backup`);
    await save(chunksOf(request.raw), file);
    return await use(file, clean);
  } catch (error) {
    await clean();
    if (!hasErrno(error, 'ENOSPC', 'EDQUOT')) throw error;
    throw new WarrenError('no_space', { what, where: engine.paths.dataDir }, { cause: error });
  }
}
