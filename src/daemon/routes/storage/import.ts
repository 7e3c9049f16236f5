import { importVolume, readVolumeBackup } from '../../../engine/backups/volume-import.ts';
import { unattended } from '../../../engine/types.ts';
import { accepted } from '../../http/replies.ts';
import { header, projectOfRequest } from '../../http/request.ts';
import { volumeUrl } from '../../views/volumes.ts';
import { withUpload } from '../instances/import.ts';
import { ownerOfVolumes } from './named.ts';

import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { DaemonContext } from '../../context.ts';

/** `POST …/volumes/custom` with a backup as its body, which is taken to disk as it arrives. */
export async function startVolumeImport(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<AsyncResponse> {
  const { engine } = context;
  const wanted = header(request, 'X-LXD-name') ?? '';
  return await withUpload(engine, request, async (file, clean) => {
    const name = wanted === '' ? undefined : wanted;
    const owner = ownerOfVolumes(engine, projectOfRequest(request));
    const backup = await readVolumeBackup(engine, file, name, owner, unattended);
    const operation = context.operations.start({
      description: 'Restoring storage volume backup',
      cancellable: true,
      resources: { storage_volumes: [volumeUrl(backup.name)] },
      work: async (work) => {
        try {
          await importVolume(engine, backup, work);
          return undefined;
        } finally {
          await clean();
        }
      },
    });
    return accepted(reply, operation.render());
  });
}
