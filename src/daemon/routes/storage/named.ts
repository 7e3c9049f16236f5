import { nameIn } from '../../../base/names.ts';
import { ownerOfFeature } from '../../../engine/projects/features.ts';
import { param, projectOfRequest } from '../../http/request.ts';

import type { FastifyRequest } from 'fastify';
import type { EngineDeps } from '../../../engine/types.ts';

/** The project that has the volumes of `project`: itself or `default`. */
export function ownerOfVolumes(engine: EngineDeps, project: string): string {
  return ownerOfFeature(engine, project, 'features.storage.volumes');
}

/** The engine's name of the volume that a request calls `name`, by default the one in its path. */
export function volumeOf(
  engine: EngineDeps,
  request: FastifyRequest,
  name = param(request, 'name'),
): string {
  return nameIn(ownerOfVolumes(engine, projectOfRequest(request)), name);
}
