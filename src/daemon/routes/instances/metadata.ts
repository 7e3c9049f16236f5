import { getInstance } from '../../../engine/instances/list.ts';
import { syncBody } from '../../http/replies.ts';
import { param } from '../../http/request.ts';
import { instanceTrees } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { ImageMetadataView } from '../../../contract/api/instances.ts';
import type { InstanceRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

/** `/1.0/instances/NAME/metadata`: what the machine remembers of its image, in `image.*` keys. */
export function instanceMetadataRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    const path = `/1.0/${tree}/:name/metadata`;
    app.get(path, (request) => syncBody(metadataView(getInstance(engine, param(request, 'name')))));
    app.get(`${path}/templates`, (request) => {
      getInstance(engine, param(request, 'name'));
      return syncBody([]);
    });
    // Backups are not made by warren; the stock client asks for them in `info`.
  }
}

function metadataView(record: InstanceRecord): ImageMetadataView {
  const properties = Object.entries(record.config)
    .filter(([key]) => key.startsWith('image.'))
    .map(([key, value]) => [key.slice('image.'.length), value]);
  return {
    architecture: record.architecture,
    creation_date: Math.floor(record.createdAtMs / 1000),
    expiry_date: 0,
    properties: Object.fromEntries(properties) as ImageMetadataView['properties'],
    templates: {},
  };
}
