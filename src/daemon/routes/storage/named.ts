import { nameIn } from '../../../base/names.ts';
import { ownerOfFeature } from '../../../engine/projects/features.ts';
import { param, projectOfRequest } from '../../http/request.ts';

import type { FastifyRequest } from 'fastify';
import type { EngineDeps } from '../../../engine/types.ts';

/** The project whose storage volumes those of a project are. */
export function ownerOfVolumes(engine: EngineDeps, project: string): string {
  return ownerOfFeature(engine, project, 'features.storage.volumes');
}

/** What the engine knows the volume as that a request calls `name`, its path's without one. */
export function volumeOf(
  engine: EngineDeps,
  request: FastifyRequest,
  name = param(request, 'name'),
): string {
  return nameIn(ownerOfVolumes(engine, projectOfRequest(request)), name);
}
