import { readdir } from 'node:fs/promises';

import { hasErrno } from './sys-error.ts';

/** The names in a directory; none where there is no such directory, which may go at any moment. */
export async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
