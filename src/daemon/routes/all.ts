import { useProjects } from '../http/project.ts';
import { imageAliasRoutes } from './images/aliases.ts';
import { imageCreateRoutes } from './images/create.ts';
import { imageExportRoutes } from './images/export.ts';
import { imageRoutes } from './images/one.ts';
import { backupRoutes } from './instances/backups.ts';
import { consoleRoutes } from './instances/console.ts';
import { instanceCreateRoutes } from './instances/create.ts';
import { diffRoutes } from './instances/diff.ts';
import { execRoutes } from './instances/exec.ts';
import { fileRoutes } from './instances/files.ts';
import { instanceListRoutes } from './instances/list.ts';
import { logRoutes } from './instances/logs.ts';
import { instanceMetadataRoutes } from './instances/metadata.ts';
import { instanceRoutes } from './instances/one.ts';
import { snapshotRoutes } from './instances/snapshots.ts';
import { instanceStateRoutes } from './instances/state.ts';
import { metricsRoutes } from './metrics.ts';
import { networkOnlyRoutes } from './network-only.ts';
import { networkRoutes } from './networks.ts';
import { operationRoutes } from './operations.ts';
import { profileRoutes } from './profiles.ts';
import { projectRoutes } from './projects.ts';
import { serverRoutes } from './server.ts';
import { storageCheckRoutes } from './storage/check.ts';
import { storagePoolRoutes } from './storage/pools.ts';
import { volumeBackupRoutes } from './storage/backups.ts';
import { volumeSnapshotRoutes } from './storage/snapshots.ts';
import { volumeRoutes } from './storage/volumes.ts';
import { websocketOnlyRoutes } from './websocket-only.ts';
import { warningRoutes } from './warnings.ts';

import type { FastifyInstance } from 'fastify';
import type { DaemonContext } from '../context.ts';

/** Every group of routes. */
export const routes: readonly ((app: FastifyInstance, context: DaemonContext) => void)[] = [
  (app, { engine }) => {
    useProjects(app, engine);
  },
  serverRoutes,
  operationRoutes,
  instanceListRoutes,
  instanceCreateRoutes,
  instanceRoutes,
  instanceStateRoutes,
  instanceMetadataRoutes,
  snapshotRoutes,
  diffRoutes,
  backupRoutes,
  execRoutes,
  consoleRoutes,
  fileRoutes,
  logRoutes,
  imageRoutes,
  imageAliasRoutes,
  imageCreateRoutes,
  imageExportRoutes,
  profileRoutes,
  metricsRoutes,
  networkOnlyRoutes,
  websocketOnlyRoutes,
  networkRoutes,
  storageCheckRoutes,
  storagePoolRoutes,
  volumeRoutes,
  volumeSnapshotRoutes,
  volumeBackupRoutes,
  projectRoutes,
  warningRoutes,
];
