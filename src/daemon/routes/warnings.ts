import { projectOf } from '../../base/names.ts';
import { WarrenError } from '../../contract/errors.ts';
import { readJson } from '../http/body.ts';
import { Fields } from '../http/fields.ts';
import { syncBody } from '../http/replies.ts';
import { inWordsOf } from '../http/own-words.ts';
import { param, query } from '../http/request.ts';
import { timeOf } from '../../contract/api/times.ts';
import { listAnswer } from './listing.ts';

import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Warning } from '../../contract/api/warnings.ts';
import type { Store } from '../../store/store.ts';
import type { DaemonContext } from '../context.ts';

type WarningRecord = ReturnType<Store['warnings']['list']>[number];

/** `/1.0/warnings`: what the engine found amiss and is no error of a request. */
export function warningRoutes(app: FastifyInstance, { engine }: DaemonContext): void {
  const { warnings } = engine.store;
  const get = (id: string): WarningRecord => {
    const exact = warnings.find(id);
    if (exact !== undefined) return exact;
    const begun = warnings.list().filter((record) => id !== '' && record.id.startsWith(id));
    if (begun.length > 1) {
      const problem = `several warnings begin with ${id}, wanted more of the id`;
      const issues = [{ path: 'id', problem }];
      throw new WarrenError('invalid', { what: 'choose a warning', issues });
    }
    if (begun[0] === undefined) throw new WarrenError('not_found', { kind: 'warning', name: id });
    return begun[0];
  };
  // Without a project, everything that is amiss.
  const listFor = (request: FastifyRequest): WarningRecord[] => {
    const project = query(request, 'project') ?? '';
    const isWanted = (record: WarningRecord): boolean => projectOf(machineIn(record)) === project;
    return project === '' ? warnings.list() : warnings.list().filter(isWanted);
  };
  app.get('/1.0/warnings', (request) =>
    listAnswer(request, listFor(request), (record) => `/1.0/warnings/${record.id}`, warningView),
  );
  app.get('/1.0/warnings/:id', (request) => syncBody(warningView(get(param(request, 'id')))));
  for (const method of ['PUT', 'PATCH'] as const) {
    app.route({
      method,
      url: '/1.0/warnings/:id',
      handler: async (request) => {
        const { id } = get(param(request, 'id'));
        const what = `change the warning ${id}`;
        const fields = new Fields(what, await readJson(request.raw, what));
        const status = fields.string('status') ?? '';
        if (status !== 'new' && status !== 'acknowledged') {
          fields.issue('status', `"${status}" is none, wanted new or acknowledged`);
        }
        fields.done();
        warnings.setStatus(id, status as 'new' | 'acknowledged');
        return syncBody(null);
      },
    });
  }
  app.delete('/1.0/warnings/:id', (request) => {
    warnings.delete(get(param(request, 'id')).id);
    return syncBody(null);
  });
}

/** The machine that a warning is about, if it is about one. */
function machineIn({ entity }: WarningRecord): string {
  return entity.startsWith('instance ') ? entity.slice('instance '.length) : '';
}

function warningView(record: WarningRecord): Warning {
  return {
    uuid: record.id,
    location: 'none',
    project: projectOf(machineIn(record)),
    type: record.type,
    count: record.count,
    first_seen_at: timeOf(record.firstSeenMs),
    last_seen_at: timeOf(record.lastSeenMs),
    last_message: inWordsOf(projectOf(machineIn(record)), record.message),
    severity: record.severity,
    status: record.status,
    entity_url: inWordsOf(projectOf(machineIn(record)), record.entity),
  };
}
