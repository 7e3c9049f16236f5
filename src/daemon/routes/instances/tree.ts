import type { FastifyReply } from 'fastify';

import type { AsyncResponse } from '../../../contract/api/envelope.ts';
import type { DaemonContext } from '../../context.ts';
import type { OperationSpec } from '../../operations/operation.ts';

import { accepted } from '../../http/replies.ts';
import { instanceUrl } from '../../views/urls.ts';

/** The two names of one tree of URLs: pylxd, Ansible and old clients know only the second. */
export const instanceTrees = ['instances', 'containers'] as const;

/** What an operation on machines says it is about. */
export function instanceResources(
  names: readonly string[],
): Readonly<Record<'instances' | 'containers', readonly string[]>> {
  return {
    instances: names.map((name) => instanceUrl(name)),
    containers: names.map((name) => instanceUrl(name, '', 'containers')),
  };
}

/** Starts an operation on one machine and answers with it. */
export function startOn(
  context: DaemonContext,
  reply: FastifyReply,
  name: string,
  spec: Omit<OperationSpec, 'resources'> & { readonly resources?: OperationSpec['resources'] },
): AsyncResponse {
  const operation = context.operations.start({
    ...spec,
    resources: { ...instanceResources([name]), ...spec.resources },
  });
  return accepted(reply, operation.render());
}
