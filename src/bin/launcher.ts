import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename } from 'node:path';
import { Script } from 'node:vm';

/**
 * What `dist/bin/warren.cjs` and `warrend.js` are made of: runs the bundle beside it,
 * `NAME-core.cjs`, the text of a function, with the code that V8 compiled when it was built, which
 * saves most of the time between the start of node and the first request. Another node than the one
 * that built it takes no notice of the cache and compiles as usual.
 */
const directory = import.meta.dirname;
const core = `${directory}/${basename(import.meta.filename).replace(/\.c?js$/, '')}-core`;
const filename = `${core}.cjs`;

function readCache(): Buffer | undefined {
  try {
    return readFileSync(`${core}.cache`);
  } catch {
    return undefined;
  }
}

// But for comments the bundle is ASCII: read so, it needs no decoding and half the memory.
const source = readFileSync(filename, 'latin1');
const cachedData = readCache();
const script = new Script(source, {
  filename,
  ...(cachedData === undefined ? {} : { cachedData }),
});
const wrapper = script.runInThisContext() as (...args: readonly unknown[]) => void;
const module = { exports: {} };
wrapper(module.exports, createRequire(filename), module, filename, directory);
