import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Script } from 'node:vm';

/**
 * What `dist/bin/warren.cjs` is made of: runs the bundled CLI with the code that V8 compiled when
 * it was built, which saves most of the time between the start of node and the first request.
 * Another node than the one that built it takes no notice of the cache and compiles as usual.
 */
const directory = import.meta.dirname;
const filename = `${directory}/warren-core.cjs`;

function readCache(): Buffer | undefined {
  try {
    return readFileSync(`${directory}/warren-core.cache`);
  } catch {
    return undefined;
  }
}

// The bundle is pure ASCII: read so, it needs no decoding and half the memory.
const source = readFileSync(filename, 'latin1');
const cachedData = readCache();
const script = new Script(
  `(function (exports, require, module, __filename, __dirname) { ${source}\n})`,
  { filename, ...(cachedData === undefined ? {} : { cachedData }) },
);
const wrapper = script.runInThisContext() as (...args: readonly unknown[]) => void;
const module = { exports: {} };
wrapper(module.exports, createRequire(filename), module, filename, directory);
