import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { openWarren, root, type Warren } from './warren.ts';

const cache = join(homedir(), 'images');

/**
 * Gives a warren an image without building it anew for every test file: the first who asks has it
 * built and exports it, the others import that file.
 */
export async function provideImage(warren: Warren, alias: string): Promise<void> {
  const file = cachedFile(alias);
  if (existsSync(file)) await warren.ok(['image', 'import', file, '--alias', alias]);
  else await build(warren, alias, file);
}

/** The file of an image, built in a warren of its own where nobody has asked for it before. */
export async function imageFile(alias: string): Promise<string> {
  const file = cachedFile(alias);
  if (!existsSync(file)) {
    await using warren = openWarren();
    await build(warren, alias, file);
  }
  return file;
}

/** Only a finished export is ever found there, and only one of the recipes as they are now. */
function cachedFile(alias: string): string {
  return join(cache, `${nameOf(alias)}-${recipesHash()}`);
}

function nameOf(alias: string): string {
  return alias.replaceAll('/', '-');
}

async function build(warren: Warren, alias: string, file: string): Promise<void> {
  const name = nameOf(alias);
  mkdirSync(cache, { recursive: true });
  const builder = `builder-${name}`;
  await warren.ok(['init', alias, builder], { timeoutMs: 900_000 });
  await warren.ok(['delete', builder]);
  await warren.ok(['image', 'export', alias, `${file}.part`]);
  for (const old of readdirSync(cache)) {
    if (/^[0-9a-f]{12}$/.test(old.slice(name.length + 1)) && old.startsWith(`${name}-`)) {
      rmSync(join(cache, old));
    }
  }
  renameSync(exported(`${file}.part`), file);
}

/** Changes with everything that decides what is in an image. */
function recipesHash(): string {
  const hash = createHash('sha256');
  for (const directory of ['src/image/recipes', 'src/image/build']) {
    const paths = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' });
    for (const path of paths.filter((one) => one.endsWith('.ts')).sort()) {
      hash.update(`${path}\0`).update(readFileSync(join(root, directory, path)));
    }
  }
  return hash.digest('hex').slice(0, 12);
}

/** The client appends the image file's ending to a name that has none. */
function exported(target: string): string {
  for (const ending of ['', '.tar.zst', '.tar.gz', '.tar.xz', '.tar']) {
    if (existsSync(`${target}${ending}`)) return `${target}${ending}`;
  }
  throw new Error(`image export left no file at ${target}`);
}
