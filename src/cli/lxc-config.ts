import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

import { WarrenError } from '../contract/errors.ts';

import type { Document as YamlDocument } from 'yaml';

/** What the stock client reads of its `config.yml` (lxd: lxc/config). Other keys are kept. */
export interface LxcConfigInput {
  /** `config.yml` of the stock client. */
  readonly path: string;
  /** The API's socket, which becomes the remote `local`. */
  readonly socket: string;
  /**
   * Whether the directory is warren's own: there the client's user may have chosen another default.
   */
  readonly isOurs: boolean;
  /** Whether an existing file that says something else may be changed. */
  readonly force: boolean;
}

export type LxcConfigOutcome = 'written' | 'unchanged' | 'changed';

/**
 * Makes the stock client's remote `local`, and its default, mean `socket`. A file that says so
 * already, in a way of its own too where the directory is ours, is left alone. One that says
 * something else is changed only with `force`, in these two places; what it was is kept beside it
 * as `config.yml.before-warren`. Throws `exists`, `invalid`.
 */
export async function writeLxcConfig(input: LxcConfigInput): Promise<LxcConfigOutcome> {
  const { path, socket, isOurs, force } = input;
  const { Document, isMap, parseDocument } = await import('yaml');
  const text = await readIfThere(path);
  if (text === undefined) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const fresh = new Document({});
    point(fresh, socket);
    fresh.set('aliases', {});
    await writeWhole(path, fresh.toString());
    return 'written';
  }
  const document = parseDocument(text);
  if (document.errors.length > 0 || !(document.contents === null || isMap(document.contents))) {
    const problem = document.errors[0]?.message.split('\n')[0] ?? 'it is no map of settings';
    throw new WarrenError('invalid', { what: 'read it', issues: [{ path, problem }] });
  }
  const isDefault = document.get('default-remote') === 'local';
  const found = socketOf(document.getIn(['remotes', 'local', 'addr']));
  // The client shortens the address when it writes the file; LXD_DIR then says which socket.
  const isMeant = found === socket || (isOurs && found === '');
  if (isMeant && (isDefault || (isOurs && !force))) return 'unchanged';
  if (!force) throw new WarrenError('exists', { kind: 'client configuration', name: path });
  await copyFile(path, `${path}.before-warren`);
  await chmod(`${path}.before-warren`, 0o600);
  point(document, socket);
  await writeWhole(path, document.toString());
  return 'changed';
}

function point(document: YamlDocument, socket: string): void {
  document.set('default-remote', 'local');
  document.setIn(['remotes', 'local'], { addr: `unix://${socket}`, public: false });
}

/** The client takes `unix:PATH` and `unix://PATH` alike; without a PATH it takes LXD_DIR's. */
function socketOf(address: unknown): string | undefined {
  return typeof address === 'string' && address.startsWith('unix:')
    ? address.replace(/^unix:(\/\/(?=\/|$))?/, '')
    : undefined;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** A client that reads meanwhile sees the old file or the new one. */
async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  await writeFile(draft, text, { mode: 0o600, flag: 'wx' });
  await rename(draft, path);
}
