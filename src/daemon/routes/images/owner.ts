import { ownerOfFeature } from '../../../engine/projects/features.ts';
import { projectOfRequest } from '../../http/request.ts';

import type { FastifyRequest } from 'fastify';
import type { EngineDeps } from '../../../engine/types.ts';

/** The project whose images a request is about: its own, or `default`. */
export function ownerOfImages(engine: EngineDeps, request: FastifyRequest): string {
  return ownerOfFeature(engine, projectOfRequest(request), 'features.images');
}
