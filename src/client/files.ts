import { apiPath, withQuery, type Client } from './client.ts';
import { ServerError } from './errors.ts';
import { readText } from './transport.ts';

import type { IncomingMessage, IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

/** What a machine's file is, apart from its content. */
export interface GuestFileInfo {
  readonly uid: number;
  readonly gid: number;
  /** Permission bits. */
  readonly mode: number;
}

/** A file of a machine as the API gives it. Everything in it is the guest's word. */
export type GuestFile =
  | (GuestFileInfo & { readonly type: 'file'; readonly content: IncomingMessage })
  | (GuestFileInfo & { readonly type: 'directory'; readonly names: readonly string[] })
  | (GuestFileInfo & { readonly type: 'symlink'; readonly target: string });

/** The caller reads or destroys `content` of a file. */
export async function readGuestFile(
  client: Client,
  instance: string,
  path: string,
): Promise<GuestFile> {
  const response = await client.download(filesPath(instance), { path });
  const info = parseInfo(response.headers);
  const type = response.headers['x-lxd-type'];
  if (type === 'directory') {
    return { ...info, type, names: parseNames(await readText(response.body)) };
  }
  if (type === 'symlink') return { ...info, type, target: await readText(response.body) };
  return { ...info, type: 'file', content: response.body };
}

/** What a file is created with; what is left out is the server's choice or stays as it is. */
export interface GuestFileWrite {
  readonly type: 'file' | 'directory' | 'symlink';
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly mode?: number | undefined;
  /** Bytes of a file, target of a symlink. */
  readonly content?: string | Uint8Array | Readable;
}

/** Creates a file, directory or link, or replaces a file's content. Throws the daemon's errors. */
export async function writeGuestFile(
  client: Client,
  instance: string,
  path: string,
  file: GuestFileWrite,
): Promise<void> {
  await client.upload(withQuery(filesPath(instance), { path }), file.content ?? '', {
    'X-LXD-type': file.type,
    'X-LXD-write': 'overwrite',
    ...(file.uid === undefined ? {} : { 'X-LXD-uid': String(file.uid) }),
    ...(file.gid === undefined ? {} : { 'X-LXD-gid': String(file.gid) }),
    ...(file.mode === undefined ? {} : { 'X-LXD-mode': formatMode(file.mode) }),
  });
}

/** With `recursive` a directory and all below it, which only warren's daemon does. */
export async function deleteGuestFile(
  client: Client,
  instance: string,
  path: string,
  { recursive = false }: { readonly recursive?: boolean } = {},
): Promise<void> {
  const query = { path, recursive: recursive ? 1 : undefined };
  await client.change('DELETE', withQuery(filesPath(instance), query));
}

function filesPath(instance: string): string {
  return apiPath('instances', instance, 'files');
}

/** `0644`. */
function formatMode(mode: number): string {
  return `0${(mode & 0o7777).toString(8).padStart(3, '0')}`;
}

function parseInfo(headers: IncomingHttpHeaders): GuestFileInfo {
  const number = (name: string, radix: number, fallback: number): number => {
    const value = Number.parseInt(String(headers[name] ?? ''), radix);
    return Number.isNaN(value) ? fallback : value;
  };
  return {
    uid: number('x-lxd-uid', 10, 0),
    gid: number('x-lxd-gid', 10, 0),
    mode: number('x-lxd-mode', 8, 0o644) & 0o7777,
  };
}

function parseNames(text: string): readonly string[] {
  const { metadata } = JSON.parse(text) as { metadata?: unknown };
  if (!Array.isArray(metadata)) throw new ServerError('a directory without a list of names', 500);
  return metadata.map(String);
}
