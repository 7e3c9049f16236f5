import { setTimeout as sleep } from 'node:timers/promises';

import { dropEmpty, validateConfig } from '../../contract/config/validate.ts';
import { WarrenError } from '../../contract/errors.ts';
import { configurationMetadata } from '../../contract/config/metadata.ts';
import { describePolicy } from '../../contract/policy/describe.ts';
import { listInstances } from '../../engine/instances/list.ts';
import { statusOf } from '../../engine/instances/state.ts';
import { stopAll } from '../../engine/instances/stop-all.ts';
import { shutDownForHost } from '../../engine/recovery/autostart.ts';
import { extensions } from '../extensions.ts';
import { readJson } from '../http/body.ts';
import { checkIfMatch, etagOf } from '../http/etag.ts';
import { Fields } from '../http/fields.ts';
import { accepted, syncBody } from '../http/replies.ts';
import { header, projectOfRequest } from '../http/request.ts';
import { readResources } from '../views/resources.ts';

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AsyncResponse, SyncResponse } from '../../contract/api/envelope.ts';
import type { DaemonStatus, Server } from '../../contract/api/server.ts';
import type { PolicySource } from '../../contract/policy/policy.ts';
import type { DaemonContext } from '../context.ts';

/** How long the daemon stays to be asked how the operation that ends it went. */
const tellMs = 1_000;

/** `/`, `/1.0` and what describes the server and its host. */
export function serverRoutes(app: FastifyInstance, context: DaemonContext): void {
  const { engine } = context;
  app.get('/', () => syncBody(['/1.0']));
  app.get('/1.0', (request, reply) => {
    const view = serverView(context, projectOfRequest(request));
    void reply.header('ETag', etagOf(view.config));
    return syncBody(view);
  });
  app.put('/1.0', async (request) => changeConfig(context, request, 'replace'));
  app.patch('/1.0', async (request) => changeConfig(context, request, 'merge'));
  app.get('/1.0/resources', () => syncBody(readResources(engine.architecture)));
  app.get('/1.0/metadata/configuration', () => syncBody(configurationMetadata()));
  app.get('/1.0/certificates', () => syncBody([]));
  app.get('/1.0/cluster', () =>
    syncBody({ enabled: false, server_name: '', member_config: [] as const }),
  );
  app.get('/1.0/warren/recipes', () => syncBody(engine.images.recipes()));
  app.post('/1.0/warren/daemon', (request, reply) => endDaemon(context, request, reply));
}

/** `DaemonPost`: ends the daemon, and with machines stops these first, in an operation. */
async function endDaemon(
  context: DaemonContext,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<SyncResponse<null> | AsyncResponse> {
  const { engine } = context;
  const what = 'stop the daemon';
  const fields = new Fields(what, await readJson(request.raw, what));
  const action = fields.requiredString('action');
  const machines = fields.boolean('machines') ?? false;
  if (action !== 'stop' && action !== 'restart' && action !== 'host-shutdown') {
    fields.issue('action', `"${action}" is none, wanted stop, restart or host-shutdown`);
  }
  fields.done();
  const again = action === 'restart';
  const comeBack = action === 'host-shutdown';
  if ((!machines && !comeBack) || again) {
    // The keeper holds the consoles of machines that go on. Without any it has nothing to do.
    const idle = !listInstances(engine).some((record) => statusOf(engine, record) !== 'Stopped');
    reply.raw.once('finish', () => {
      context.lifecycle.leave({ again, keeper: idle && !again });
    });
    return syncBody(null);
  }
  const operation = context.operations.start({
    description: 'Stopping every instance and the daemon',
    resources: {},
    cancellable: true,
    work: async (work) => {
      await (comeBack ? shutDownForHost(engine, work) : stopAll(engine, { comeBack: false }, work));
      return undefined;
    },
  });
  void operation.finished.then(async () => {
    if (operation.status !== 'Success') return;
    await sleep(tellMs);
    context.lifecycle.leave({ again: false, keeper: true });
  });
  return accepted(reply, operation.render());
}

function serverView(context: DaemonContext, project: string): Server {
  return {
    config: context.engine.store.config.list(),
    api_extensions: extensions,
    api_status: 'stable',
    api_version: '1.0',
    auth: 'trusted',
    public: false,
    auth_methods: ['tls'],
    environment: { ...context.environment, project },
    warren: statusView(context),
  };
}

function statusView({ engine, startedAt, version }: DaemonContext): DaemonStatus {
  const { cgroup } = engine.runtime;
  const records = listInstances(engine);
  return {
    pid: process.pid,
    keeper_pid: engine.keeper.keeperPid,
    socket: engine.paths.socket,
    version,
    started_at: startedAt,
    cgroup_driver: cgroup.driver,
    cgroup_controllers: cgroup.controllers,
    storage_tier: engine.storage.tier,
    uplink: engine.networks.report.uplink,
    instances: records.length,
    instances_running: records.filter((record) => statusOf(engine, record) !== 'Stopped').length,
    log: engine.paths.daemonLog,
    policy: policyView(engine.policy),
  };
}

function policyView(source: PolicySource): DaemonStatus['policy'] {
  const state = source.read();
  const summary =
    state.kind === 'none'
      ? ''
      : state.kind === 'applies'
        ? describePolicy(state.policy)
        : state.problems.join('; ');
  return { file: source.file, state: state.kind, summary };
}

async function changeConfig(
  { engine }: DaemonContext,
  request: FastifyRequest,
  how: 'replace' | 'merge',
): Promise<SyncResponse<null>> {
  const what = 'change the server configuration';
  const fields = new Fields(what, await readJson(request.raw, what));
  const given = fields.stringMap('config') ?? {};
  fields.done();
  const table = engine.store.config;
  const current = table.list();
  checkIfMatch(header(request, 'if-match'), etagOf(current), 'the server configuration');
  const wanted = dropEmpty(how === 'replace' ? given : { ...current, ...given });
  const issues = validateConfig(wanted, 'server');
  if (issues.length > 0) throw new WarrenError('invalid', { what, issues });
  engine.store.transaction(() => {
    for (const key of new Set([...Object.keys(current), ...Object.keys(wanted)])) {
      if (wanted[key] !== current[key]) table.set(key, wanted[key]);
    }
  });
  return syncBody(null);
}
