import { isWarrenError } from '../contract/errors.ts';
import type { Client } from './client.ts';
import { readGuestFile } from './files.ts';

/** A machine may write what it likes into its files; more than this is not read. */
const maxBytes = 1024 * 1024;

/**
 * The id of a user or group in the machine's own /etc/passwd or /etc/group; undefined without one.
 */
export async function findAccount(
  client: Client,
  instance: string,
  kind: 'user' | 'group',
  name: string,
): Promise<number | undefined> {
  const path = kind === 'user' ? '/etc/passwd' : '/etc/group';
  try {
    const file = await readGuestFile(client, instance, path);
    if (file.type !== 'file') return undefined;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of file.content) {
      chunks.push(chunk as Buffer);
      bytes += (chunk as Buffer).length;
      if (bytes > maxBytes) break;
    }
    return idIn(Buffer.concat(chunks).toString(), name);
  } catch (error) {
    if (isWarrenError(error, 'not_found') && instanceIsThere(error.details, instance))
      return undefined;
    throw error;
  }
}

function instanceIsThere(details: unknown, instance: string): boolean {
  return (details as { readonly name?: string }).name !== instance;
}

/** passwd(5), group(5): the id is the third field of the first line with that name. */
export function idIn(text: string, name: string): number | undefined {
  for (const line of text.split('\n')) {
    const [first, , id = ''] = line.split(':');
    if (first === name && /^\d{1,10}$/.test(id)) return Number(id);
  }
  return undefined;
}
