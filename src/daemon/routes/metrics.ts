import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { totalmem } from 'node:os';

import { listInstances } from '../../engine/instances/list.ts';
import { measureInstances } from '../../engine/instances/measure.ts';
import { instancesOf } from '../../engine/projects/list.ts';
import { query } from '../http/request.ts';
import { formatMetrics, metricsType } from '../views/metrics.ts';

import type { FastifyInstance } from 'fastify';
import type { DaemonContext } from '../context.ts';

/** `/1.0/metrics`: OpenMetrics of every project, or of the one that is asked for. */
export function metricsRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine, operations, startedAt } = context;
  app.get('/1.0/metrics', async (request, reply) => {
    const project = query(request, 'project') ?? '';
    const records = project === '' ? listInstances(engine) : instancesOf(engine, project);
    const [machines, { blocks, bfree, bavail, bsize }] = await Promise.all([
      measureInstances(engine, records),
      statfs(engine.paths.dataDir),
    ]);
    const text = formatMetrics({
      machines,
      hostMemoryBytes: totalmem(),
      filesystem: { size: blocks * bsize, free: bfree * bsize, available: bavail * bsize },
      deviceName,
      server: {
        instances: records.length,
        operations: operations.list().filter((operation) => !operation.isFinal).length,
        warnings: engine.store.warnings.list().length,
        uptimeSeconds: Math.floor((engine.now() - Date.parse(startedAt)) / 1000),
      },
    });
    return reply.header('Content-Type', metricsType).send(text);
  });
}

/** The numbers themselves where the host does not tell. */
function deviceName(numbers: string): string {
  try {
    const uevent = readFileSync(`/sys/dev/block/${numbers}/uevent`, 'utf8');
    return /^DEVNAME=(.+)$/m.exec(uevent)?.[1] ?? numbers;
  } catch {
    return numbers;
  }
}
