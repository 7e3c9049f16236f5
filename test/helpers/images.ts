import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import type { Warren } from './warren.ts';

const cache = join(homedir(), 'images');

/**
 * Gives a warren an image without building it anew for every test file: the first who asks has it
 * built and exports it, the others import that file. Only a finished export is ever found.
 */
export async function provideImage(warren: Warren, alias: string): Promise<void> {
  const file = join(cache, alias.replaceAll('/', '-'));
  if (existsSync(file)) {
    await warren.ok(['image', 'import', file, '--alias', alias]);
    return;
  }
  mkdirSync(cache, { recursive: true });
  await warren.ok(['init', alias, 'builder'], { timeoutMs: 420_000 });
  await warren.ok(['delete', 'builder']);
  await warren.ok(['image', 'export', alias, `${file}.part`]);
  renameSync(exported(`${file}.part`), file);
}

/** The client appends the image file's ending to a name that has none. */
function exported(target: string): string {
  for (const ending of ['', '.tar.zst', '.tar.gz', '.tar.xz', '.tar']) {
    if (existsSync(`${target}${ending}`)) return `${target}${ending}`;
  }
  throw new Error(`image export left no file at ${target}`);
}
