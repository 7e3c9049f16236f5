import { paint, plain, type Look } from './look.ts';
import { formatRelative, parseTime } from './time.ts';

import type { DaemonStatus, Server } from '../../contract/api/server.ts';

/** The daemon on one screen. */
export function formatDaemon(status: DaemonStatus, look: Look): string {
  const since = formatRelative(parseTime(status.started_at), look.now);
  const controllers = status.cgroup_controllers.join(' ') || 'no controllers';
  const machines = `${status.instances_running} running of ${status.instances}`;
  const rows: readonly (readonly [string, string])[] = [
    ['processes', `daemon ${status.pid}, keeper ${status.keeper_pid}`],
    ['machines', machines],
    ['cgroups', `${status.cgroup_driver} (${controllers})`],
    ['storage', `${status.storage_tier} tier`],
    ['uplink', status.uplink],
    ['socket', status.socket],
    ['log', status.log],
    ...policyRow(status.policy),
  ];
  const title = `${paint(look, 'bold', `warren ${status.version}`)}  ● ${paint(look, 'green', 'running')} since ${since}`;
  return `${[title, ...rows.map(([name, text]) => `  ${name.padEnd(10)} ${plain(text)}`)].join('\n')}\n`;
}

function policyRow({ file, state, summary }: DaemonStatus['policy']): [string, string][] {
  if (state === 'none') return [];
  const verdict = state === 'applies' ? '' : 'cannot be relied on, nothing is made or started: ';
  return [['policy', `${verdict}${summary} (${file})`]];
}

/** `warren info`: the daemon, and the host it runs on. */
export function formatServer(server: Server, look: Look): string {
  const { environment } = server;
  const host = `${environment.os_name} ${environment.os_version}, ${environment.kernel} ${environment.kernel_version}, ${environment.kernel_architecture}`;
  const driver = `${environment.driver} ${environment.driver_version}`;
  return `${formatDaemon(server.warren, look)}  ${'host'.padEnd(10)} ${plain(host)}\n  ${'runtime'.padEnd(10)} ${plain(driver)}\n`;
}
