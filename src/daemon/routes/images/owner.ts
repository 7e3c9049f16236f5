import { ownerOfFeature } from '../../../engine/projects/features.ts';
import { projectOfRequest } from '../../http/request.ts';

import type { FastifyRequest } from 'fastify';
import type { EngineDeps } from '../../../engine/types.ts';

/** The project whose images those of a request are: its own, or the `default` one. */
export function ownerOfImages(engine: EngineDeps, request: FastifyRequest): string {
  return ownerOfFeature(engine, projectOfRequest(request), 'features.images');
}
