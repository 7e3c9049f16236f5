import type { InstanceFull, InstanceState } from '../../../src/contract/api/instances.ts';

interface Changes {
  readonly status?: 'Running' | 'Stopped';
  readonly network?: InstanceState['network'];
  /** MiB. */
  readonly memory?: number;
  readonly processes?: number;
  readonly pid?: number;
  readonly boot?: 'booted' | 'degraded' | 'starting' | 'stopped';
  readonly lastExit?: string;
  readonly limits?: Readonly<Record<string, string | null>>;
}

const counters = {
  bytes_received: 0,
  bytes_sent: 0,
  packets_received: 0,
  packets_sent: 0,
  errors_received: 0,
  errors_sent: 0,
  packets_dropped_inbound: 0,
  packets_dropped_outbound: 0,
};

const eth0: InstanceState['network'] = {
  lo: {
    type: 'loopback',
    state: 'up',
    hwaddr: '',
    host_name: '',
    mtu: 65_536,
    addresses: [{ family: 'inet', address: '127.0.0.1', netmask: '8', scope: 'local' }],
    counters,
  },
  eth0: {
    type: 'broadcast',
    state: 'up',
    hwaddr: '00:16:3e:00:00:01',
    host_name: 'veth1',
    mtu: 1500,
    addresses: [
      { family: 'inet', address: '10.77.0.12', netmask: '24', scope: 'global' },
      { family: 'inet6', address: 'fe80::1', netmask: '64', scope: 'link' },
    ],
    counters,
  },
};

const mib = 1024 * 1024;

/** A machine as `recursion=2` gives it: web, running since three minutes, unless changed. */
export function machine(changes: Changes = {}): InstanceFull {
  const { status = 'Running', memory = 34, processes = 12, pid = 4711, boot = 'booted' } = changes;
  const config = {
    'image.name': 'debian/12',
    'volatile.base_image': '3f9c1a2b4d5e00000000000000000000000000000000000000000000000000aa',
  };
  const own = { config, devices: {}, profiles: ['default', 'strict'], architecture: 'x86_64' };
  const expanded = {
    expanded_config: { ...config, 'limits.memory': '512MiB', 'limits.processes': '500' },
    expanded_devices: {
      root: { type: 'disk', path: '/', pool: 'default' },
      http: { type: 'proxy', listen: 'tcp:127.0.0.1:8080', connect: 'tcp:127.0.0.1:80' },
    },
  };
  const statusCode = status === 'Running' ? 103 : 102;
  return {
    name: 'web',
    type: 'container',
    project: 'default',
    location: 'none',
    description: '',
    ephemeral: false,
    stateful: false,
    status,
    status_code: statusCode,
    created_at: '2026-06-14T11:00:00Z',
    last_used_at: '2026-06-15T11:57:00Z',
    ...own,
    ...expanded,
    state: {
      status,
      status_code: statusCode,
      pid,
      processes,
      cpu: { usage: 2_500_000_000 },
      memory: {
        usage: memory * mib,
        usage_peak: memory * mib,
        total: status === 'Running' ? 512 * mib : 0,
        swap_usage: 0,
        swap_usage_peak: 0,
      },
      disk: { root: { usage: 18 * mib, total: 0 } },
      network: changes.network ?? eth0,
      warren: {
        boot: status === 'Stopped' ? 'stopped' : boot,
        started_at: status === 'Running' ? '2026-06-15T11:57:00Z' : null,
        booted_at: null,
        boot_ms: status === 'Running' ? 290 : null,
        processes_max: status === 'Running' ? 500 : null,
        last_exit: changes.lastExit ?? null,
        ids: { start: 100_000, size: 65_536, isolated: true },
        limits: changes.limits ?? {},
      },
    },
    snapshots: [
      {
        name: 'before-upgrade',
        created_at: '2026-06-13T12:00:00Z',
        expires_at: '0001-01-01T00:00:00Z',
        last_used_at: '0001-01-01T00:00:00Z',
        stateful: false,
        size: 0,
        ephemeral: false,
        ...own,
        ...expanded,
      },
    ],
    backups: [],
  };
}
