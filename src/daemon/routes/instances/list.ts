import { WarrenError } from '../../../contract/errors.ts';
import { expander, listInstances } from '../../../engine/instances/list.ts';
import { parseFilter } from '../../http/filter.ts';
import { syncBody } from '../../http/replies.ts';
import { query, recursionOf } from '../../http/request.ts';
import { instanceFullViews, instanceView } from '../../views/instances.ts';
import { listAnswer } from '../listing.ts';
import { instanceTrees } from './tree.ts';

import type { FastifyInstance } from 'fastify';
import type { DaemonContext } from '../../context.ts';

/** `GET /1.0/instances`. */
export function instanceListRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  for (const tree of instanceTrees) {
    app.get(`/1.0/${tree}`, async (request) => {
      const type = query(request, 'instance-type') ?? '';
      if (type !== '' && type !== 'container' && type !== 'virtual-machine') {
        const problem = `"${type}" is no type, wanted container`;
        throw new WarrenError('invalid', {
          what: 'list instances',
          issues: [{ path: 'instance-type', problem }],
        });
      }
      const records = type === 'virtual-machine' ? [] : listInstances(engine);
      if (recursionOf(request) < 2) {
        const url = (record: { readonly name: string }): string => `/1.0/${tree}/${record.name}`;
        const expandOne = expander(engine);
        return listAnswer(request, records, url, (record) =>
          instanceView(engine, record, expandOne(record)),
        );
      }
      const wanted = parseFilter(query(request, 'filter'));
      return syncBody(await instanceFullViews(engine, records, wanted));
    });
  }
}
