import { expect, test } from 'vitest';

import { formatMetrics, type MetricsInput } from '../../../src/daemon/views/metrics.ts';

const counters = {
  bytes_received: 7,
  bytes_sent: 8,
  packets_received: 1,
  packets_sent: 2,
  errors_received: 0,
  errors_sent: 0,
  packets_dropped_inbound: 0,
  packets_dropped_outbound: 0,
};

const input: MetricsInput = {
  machines: [
    {
      name: 'lab_web',
      usage: {
        cpuUsageNs: 1,
        memoryBytes: 300,
        memoryPeakBytes: 400,
        memoryMaxBytes: 1000,
        swapBytes: 5,
        processes: 3,
        processesMax: undefined,
      },
      accounts: {
        cpu: { user_usec: 1_500_000, system_usec: 250_000 },
        memory: { anon: 100, inactive_file: 50 },
        memoryEvents: { oom_kill: 2 },
        io: { '254:0': { rbytes: 4096 }, '254:16': {} },
      },
      network: {
        'e"th\\0\n': {
          type: 'broadcast',
          state: 'up',
          hwaddr: '',
          host_name: '',
          mtu: 1500,
          addresses: [],
          counters,
        },
      },
    },
  ],
  hostMemoryBytes: 9000,
  filesystem: { size: 30, free: 20, available: 10 },
  deviceName: (numbers) => (numbers === '254:0' ? 'vda' : numbers),
  server: { instances: 4, operations: 1, warnings: 2, uptimeSeconds: 60 },
};

const labels = 'name="web",project="lab",type="container"';

test('metrics have LXD’s names and the machine’s own name and project', () => {
  const lines = formatMetrics(input).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE lxd_cpu_seconds counter',
      `lxd_cpu_seconds_total{${labels},cpu="0",mode="user"} 1.5`,
      `lxd_cpu_seconds_total{${labels},cpu="0",mode="system"} 0.25`,
      `lxd_disk_read_bytes_total{${labels},device="vda"} 4096`,
      `lxd_memory_MemTotal_bytes{${labels}} 1000`,
      `lxd_memory_MemFree_bytes{${labels}} 700`,
      `lxd_memory_MemAvailable_bytes{${labels}} 750`,
      `lxd_memory_OOM_kills_total{${labels}} 2`,
      `lxd_filesystem_avail_bytes{${labels},device="overlay",fstype="overlay",mountpoint="/"} 10`,
      `lxd_procs_total{${labels}} 3`,
      'lxd_uptime_seconds 60',
    ]),
  );
  expect(lines.slice(-2)).toEqual(['# EOF', '']);
});

test('metrics of what is not known are left out, and what a machine names is escaped', () => {
  const text = formatMetrics(input);
  expect(text).not.toContain('254:16');
  expect(text).not.toContain('lxd_memory_Dirty_bytes');
  expect(text).toContain(`lxd_network_receive_bytes_total{${labels},device="e\\"th\\\\0\\n"} 7`);
  expect(text.split('\n').every((line) => line === '' || /^(#|lxd_)/.test(line))).toBe(true);
});
