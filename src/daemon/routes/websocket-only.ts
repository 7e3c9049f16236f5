import { WarrenError } from '../../contract/errors.ts';
import { instanceTrees } from './instances/tree.ts';

import type { FastifyInstance } from 'fastify';

/** Paths that are there only for a connection that becomes another (`http/upgrades`). */
export function websocketOnlyRoutes(app: FastifyInstance): void {
  refuse('/1.0/events', 'follow events', 'websocket');
  refuse('/1.0/operations/:id/websocket', 'connect to the operation', 'websocket');
  for (const tree of instanceTrees) {
    refuse(`/1.0/${tree}/:name/sftp`, 'connect to its files', 'sftp');
  }

  function refuse(url: string, what: string, protocol: string): void {
    const problem = `it is a plain request, wanted one with "Upgrade: ${protocol}"`;
    app.get(url, () => {
      throw new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
    });
  }
}
