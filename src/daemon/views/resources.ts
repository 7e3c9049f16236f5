import { readFileSync } from 'node:fs';
import { cpus, freemem, totalmem } from 'node:os';

import type { Resources } from '../../contract/api/resources.ts';

type Socket = Resources['cpu']['sockets'][number];
type Core = Socket['cores'][number];

/** What an ordinary user can see of the host's cpus and memory. */
export function readResources(architecture: string): Resources {
  const available = meminfo('MemAvailable') ?? freemem();
  const hugepageSize = meminfo('Hugepagesize') ?? 0;
  const hugepages = meminfoCount('HugePages_Total');
  const none = { total: 0 };
  return {
    cpu: { architecture, sockets: sockets(), total: cpus().length },
    memory: {
      nodes: [],
      hugepages_total: hugepages * hugepageSize,
      hugepages_used: (hugepages - meminfoCount('HugePages_Free')) * hugepageSize,
      hugepages_size: hugepageSize,
      used: totalmem() - available,
      total: totalmem(),
    },
    gpu: { cards: [], ...none },
    network: { cards: [], ...none },
    storage: { disks: [], ...none },
    usb: { devices: [], ...none },
    pci: { devices: [], ...none },
    system: {
      uuid: '',
      vendor: dmi('sys_vendor'),
      product: dmi('product_name'),
      family: dmi('product_family'),
      version: dmi('product_version'),
      sku: dmi('product_sku'),
      serial: '',
      type: 'unknown',
    },
  };
}

/** Threads by socket and core, as /proc/cpuinfo tells them; where it does not, one core each. */
function sockets(): Socket[] {
  const bySocket = new Map<number, { name: string; vendor: string; cores: Map<number, Core> }>();
  const blocks = readText('/proc/cpuinfo').split('\n\n');
  for (const block of blocks) {
    const field = (name: string): string | undefined =>
      new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(block)?.[1];
    const id = Number(field('processor') ?? Number.NaN);
    if (Number.isNaN(id)) continue;
    const socketId = Number(field('physical id') ?? 0);
    const coreId = Number(field('core id') ?? id);
    const socket = bySocket.get(socketId) ?? {
      name: field('model name') ?? '',
      vendor: field('vendor_id') ?? '',
      cores: new Map<number, Core>(),
    };
    bySocket.set(socketId, socket);
    const core = socket.cores.get(coreId);
    const threads = core?.threads ?? [];
    const thread = { id, thread: threads.length, numa_node: 0, online: true, isolated: false };
    const frequency = Math.round(Number(field('cpu MHz') ?? 0));
    socket.cores.set(coreId, { core: coreId, die: 0, frequency, threads: [...threads, thread] });
  }
  return [...bySocket].map(([socket, { name, vendor, cores }]) => ({
    name,
    vendor,
    socket,
    cores: [...cores.values()],
  }));
}

/** Bytes. */
function meminfo(key: string): number | undefined {
  const kibibytes = new RegExp(`^${key}:\\s*(\\d+) kB$`, 'm').exec(readText('/proc/meminfo'))?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}

function meminfoCount(key: string): number {
  return Number(new RegExp(`^${key}:\\s*(\\d+)$`, 'm').exec(readText('/proc/meminfo'))?.[1] ?? 0);
}

function dmi(name: string): string {
  return readText(`/sys/class/dmi/id/${name}`).trim();
}

/** Empty when it cannot be read: not every host shows everything to everybody. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
