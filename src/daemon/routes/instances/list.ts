import { WarrenError } from '../../../contract/errors.ts';
import { expander, listInstances } from '../../../engine/instances/list.ts';
import { instancesOf } from '../../../engine/projects/list.ts';
import { parseFilter } from '../../http/filter.ts';
import { syncListBody } from '../../http/replies.ts';
import { projectOfRequest, query, recursionOf, wantsAllProjects } from '../../http/request.ts';
import { instanceFullTexts, instanceView } from '../../views/instances.ts';
import { instanceUrl } from '../../views/urls.ts';
import { listAnswer } from '../listing.ts';
import { instanceTrees } from './tree.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { EngineDeps, InstanceRecord } from '../../../engine/types.ts';
import type { DaemonContext } from '../../context.ts';

/** `GET /1.0/instances`. */
export function instanceListRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    app.get(`/1.0/${tree}`, async (request, reply) => {
      const type = query(request, 'instance-type') ?? '';
      if (type !== '' && type !== 'container' && type !== 'virtual-machine') {
        const problem = `"${type}" is no type, wanted container`;
        throw new WarrenError('invalid', {
          what: 'list instances',
          issues: [{ path: 'instance-type', problem }],
        });
      }
      const records = type === 'virtual-machine' ? [] : recordsFor(engine, request);
      if (recursionOf(request) < 2) {
        const url = (record: InstanceRecord): string => instanceUrl(record.name, '', tree);
        const expandOne = expander(engine);
        return listAnswer(request, records, url, (record) =>
          instanceView(engine, record, expandOne(record)),
        );
      }
      const wanted = parseFilter(query(request, 'filter'));
      return syncListBody(reply, await instanceFullTexts(engine, records, wanted));
    });
  }
}

function recordsFor(engine: EngineDeps, request: FastifyRequest): InstanceRecord[] {
  if (wantsAllProjects(request)) return listInstances(engine);
  return instancesOf(engine, projectOfRequest(request));
}
