// Each program as few files that node starts fast: finding and reading hundreds of small modules costs
// more than a command, and most of a daemon's start.
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a helper of yargs imports for other helpers: cliui, y18n and a hundred more kilobytes. */
const withoutShim = {
  name: 'without-shim',
  setup({ onResolve }) {
    onResolve({ filter: /platform-shims\/esm\.mjs$/ }, ({ path, resolveDir }) => ({
      path: fileURLToPath(new URL(path, `file://${resolveDir}/`)),
      sideEffects: false,
    }));
  },
};

/** Libraries that few commands need lie beside the bundle: the smaller it is, the faster it starts. */
const lazy = ['ws', 'yaml'];
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${lazy.join('|')})$`) }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: `./warren-${path}.cjs`, external: true },
    );
  },
};

/**
 * What `ws` loads for TLS and compression, of which warren's own socket knows nothing: left to when it
 * is used, since node takes longer to load `tls` than the whole of `ws`.
 */
const whenUsed = {
  name: 'when-used',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^(https|tls|zlib)$/ }, ({ path, namespace }) =>
      namespace === 'when-used' ? { path, external: true } : { path, namespace: 'when-used' },
    );
    onLoad({ filter: /.*/, namespace: 'when-used' }, ({ path }) => ({
      contents: `module.exports = new Proxy({}, { get: (_, name) => require('${path}')[name] });`,
    }));
  },
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  // As few bytes as possible; names stay, for errors that must be understood.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 200,
  legalComments: 'none',
  define: {
    'import.meta.dirname': '__dirname',
    'import.meta.filename': '__filename',
    'import.meta.url': '__filename',
  },
  // A script with a compile cache cannot `import()`.
  supported: { 'dynamic-import': false },
  external: ['bufferutil', 'utf-8-validate'],
};

/** Writes warren.cjs and what it needs into a directory. */
export async function bundleCli(bin) {
  await Promise.all([
    build({
      ...common,
      entryPoints: ['src/bin/warren.ts'],
      outfile: `${bin}/warren-core.cjs`,
      plugins: [withoutShim, apart],
    }),
    build({
      ...common,
      entryPoints: ['src/bin/launcher.ts'],
      outfile: `${bin}/warren.cjs`,
      banner: { js: '#!/usr/bin/env node' },
    }),
    build({ ...common, entryPoints: ['yaml'], outfile: `${bin}/warren-yaml.cjs` }),
    build({
      ...common,
      // The client's part of it alone.
      stdin: {
        contents: "exports.WebSocket = require('./node_modules/ws/lib/websocket.js')",
        resolveDir: root,
      },
      outfile: `${bin}/warren-ws.cjs`,
      plugins: [whenUsed],
    }),
  ]);
}

/** Native modules, which find their own binaries beside them. */
const native = ['better-sqlite3', 'koffi'];

/**
 * Writes the programs other than the CLI into a directory. Nothing is minified, so that a place in a
 * trace can be read: each module is headed by the path of its source, and a map lies beside.
 */
export async function bundlePrograms(bin) {
  const plain = {
    ...common,
    minifySyntax: false,
    minifyWhitespace: false,
    sourcemap: true,
    sourcesContent: false,
    external: [...common.external, ...native],
    define: {
      'import.meta.dirname': '__dirname',
      'import.meta.filename': '__filename',
      'import.meta.url': '__fileUrl',
    },
    banner: { js: "const __fileUrl = require('node:url').pathToFileURL(__filename).href;" },
  };
  await Promise.all([
    build({
      ...plain,
      entryPoints: ['warren-host', 'warren-keeper'].map((name) => `src/bin/${name}.ts`),
      outdir: bin,
    }),
    build({ ...plain, entryPoints: ['src/bin/warrend.ts'], outfile: `${bin}/warrend-core.cjs` }),
    build({ ...common, entryPoints: ['src/bin/launcher.ts'], outfile: `${bin}/warrend.js` }),
  ]);
}
