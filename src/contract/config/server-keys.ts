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

/** The same for images: how long those that a launch fetched are kept. */
export const imageCacheKeys = [
  {
    key: 'images.remote_cache_expiry',
    type: 'integer',
    min: 0,
    max: 36_500,
    default: '10',
    live: true,
    summary:
      'Days after which an image goes that was fetched for a launch, was not used since and has no alias; 0 keeps it',
  },
  {
    key: 'images.auto_update_cached',
    type: 'bool',
    default: 'true',
    live: true,
    summary: 'Whether images that are fetched for a launch by their alias follow their server',
  },
  {
    key: 'images.auto_update_interval',
    type: 'integer',
    min: 0,
    max: 8_760,
    default: '6',
    live: true,
    summary:
      'Hours between looks for newer ones of images with auto_update, at least 24 for those that are built here; 0 is never',
  },
] as const satisfies readonly KeyRow[];

/** Config keys of the daemon (`PUT /1.0`). */
export const serverKeys = [
  ...compressionKeys,
  ...imageCacheKeys,
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
    why: 'builds of images use http_proxy, https_proxy and no_proxy of the environment, downloads from servers go without',
  },
  { key: 'core.shutdown_timeout', why: 'use boot.host_shutdown_timeout of each machine' },
  { key: 'core.*', why: socketOnly },
  { key: 'images.default_architecture', why: 'machines are of the architecture of their host' },
  { key: 'instances.*', why: 'its choices are keys of instances and profiles' },
  { key: 'loki.*', why: 'logs go to a file; follow them with "warren daemon logs"' },
  { key: 'maas.*', why: 'there is no MAAS integration' },
  { key: 'network.*', why: 'there is no OVN' },
  { key: 'oidc.*', why: socketOnly },
  { key: 'rbac.*', why: socketOnly },
  { key: 'storage.*', why: 'everything lies in the data directory' },
];
