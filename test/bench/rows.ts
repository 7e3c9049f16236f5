/** What the table has a line for. `perMachine` rows are differences over a few machines. */
export const rows = {
  version: { title: 'answer without a request', unit: 'ms' },
  create: { title: 'create from the cached image', unit: 'ms' },
  start: { title: 'start', unit: 'ms' },
  init: { title: 'start → init executed', unit: 'ms' },
  booted: { title: 'start → booted', unit: 'ms' },
  wait: { title: 'start that waits for booted', unit: 'ms' },
  exec: { title: 'exec true', unit: 'ms' },
  stream: { title: 'lxc exec m -- cat FILE | wc -c', unit: 'rate' },
  'socket-init': { title: 'start → init executed, socket', unit: 'ms' },
  'socket-exec': { title: 'exec true, socket', unit: 'ms' },
  stop: { title: 'stop', unit: 'ms' },
  delete: { title: 'delete', unit: 'ms' },
  snapshot: { title: 'snapshot of a new machine', unit: 'ms' },
  restore: { title: 'restore it', unit: 'ms' },
  copy: { title: 'copy of that machine', unit: 'ms' },
  'held-snapshot': { title: 'snapshot, socket, by MiB of its own', unit: 'ms' },
  'held-restore': { title: 'restore, socket, by MiB of its own', unit: 'ms' },
  'held-copy': { title: 'copy, socket, by MiB of its own', unit: 'ms' },
  list: { title: 'list', unit: 'ms' },
  'lxc-list': { title: 'lxc list', unit: 'ms' },
  'list-full': { title: 'every machine with its state, socket', unit: 'ms' },
  memory: { title: 'own memory per machine', unit: 'bytes' },
  processes: { title: 'own processes per machine', unit: 'count' },
  disk: { title: 'disk per machine, new', unit: 'bytes' },
  'disk-booted': { title: 'disk per machine, booted once', unit: 'bytes' },
  'slice-first': { title: 'create, first machine of further ids', unit: 'ms' },
  'slice-next': { title: 'create, next machine of these ids', unit: 'ms' },
  'slice-shared': { title: 'create, machine of the image’s own ids', unit: 'ms' },
  'slice-next-launch': { title: 'launch, next machine of further ids', unit: 'ms' },
  'slice-shared-launch': { title: 'launch, machine of the image’s own ids', unit: 'ms' },
  'slice-disk': { title: 'disk for further ids', unit: 'bytes' },
  'slice-share': { title: 'disk for further ids, of the image', unit: 'percent' },
} as const satisfies Record<string, { readonly title: string; readonly unit: Unit }>;

export type Unit = 'ms' | 'bytes' | 'count' | 'percent' | 'rate';
export type RowId = keyof typeof rows;

/** One line of the table: a row, and the size of the database that is listed or of the machine. */
export interface Line {
  readonly id: RowId;
  readonly size?: number;
}

export function lineTitle({ id, size }: Line): string {
  return size === undefined ? rows[id].title : `${rows[id].title}, ${size.toLocaleString('en')}`;
}
