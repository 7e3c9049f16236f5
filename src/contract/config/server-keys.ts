import type { KeyRow, UnsupportedKey } from './key.ts';

/** Of the daemon, and of a project, whose word then counts. */
export const compressionKeys = [
  {
    key: 'images.compression_algorithm',
    type: 'compression',
    live: true,
    summary:
      'How images of machines are packed; unset it is zstd where that is installed, else gzip',
  },
  {
    key: 'backups.compression_algorithm',
    type: 'compression',
    live: true,
    summary: 'How exports are packed; unset it is zstd where that is installed, else gzip',
  },
] as const satisfies readonly KeyRow[];

/** Config keys of the daemon (`PUT /1.0`). */
export const serverKeys = [
  ...compressionKeys,
  {
    key: 'user.*',
    type: 'text',
    live: true,
    summary: 'Free notes of yours',
  },
] as const satisfies readonly KeyRow[];

const socketOnly = 'the API is on a unix socket of your own and nowhere else';

/** Server keys of LXD that have no meaning here. */
export const unsupportedServerKeys: readonly UnsupportedKey[] = [
  { key: 'candid.*', why: socketOnly },
  { key: 'cluster.*', why: 'there are no clusters' },
  {
    key: 'core.proxy_*',
    why: 'downloads use http_proxy, https_proxy and no_proxy of the environment',
  },
  { key: 'core.shutdown_timeout', why: 'use boot.host_shutdown_timeout of each machine' },
  { key: 'core.*', why: socketOnly },
  { key: 'images.*', why: 'images stay until you delete them' },
  { key: 'instances.*', why: 'its choices are keys of instances and profiles' },
  { key: 'loki.*', why: 'logs go to a file; follow them with "warren daemon logs"' },
  { key: 'maas.*', why: 'there is no MAAS integration' },
  { key: 'network.*', why: 'there is no OVN' },
  { key: 'oidc.*', why: socketOnly },
  { key: 'rbac.*', why: socketOnly },
  { key: 'storage.*', why: 'everything lies in the data directory' },
];
