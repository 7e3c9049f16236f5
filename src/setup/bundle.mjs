// Each program as few files that node starts fast: finding and reading hundreds of small modules
// costs more than a command, and most of a daemon's start.
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

/** What few commands need lies beside the bundle: the smaller it is, the faster it starts. */
const apart = {
  name: 'apart',
  setup({ onResolve }) {
    onResolve({ filter: /^yaml$/ }, ({ kind }) =>
      kind === 'entry-point' ? undefined : { path: './warren-yaml.cjs', external: true },
    );
  },
};

/** The client's part of `ws` alone. */
const clientOfWs = {
  name: 'client-of-ws',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^ws$/ }, () => ({ path: 'ws', namespace: 'client-of-ws' }));
    onLoad({ filter: /.*/, namespace: 'client-of-ws' }, () => ({
      contents: "exports.WebSocket = require('./node_modules/ws/lib/websocket.js')",
      resolveDir: root,
    }));
  },
};

/**
 * What `ws` loads for TLS and compression, of which warren's own socket knows nothing: left to when
 * it is used, since node takes longer to load `tls` than the whole of `ws`.
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

/**
 * A core is the text of a function, as the launcher calls it: what it would put around half a
 * megabyte would cost a copy, and a collection of garbage.
 */
const asFunction = {
  banner: { js: '(function (exports, require, module, __filename, __dirname) {"use strict";' },
  footer: { js: '})' },
};

/** Writes warren.cjs and what it needs into a directory. */
export async function bundleCli(bin) {
  await Promise.all([
    build({
      ...common,
      ...asFunction,
      entryPoints: ['src/bin/warren.ts'],
      outfile: `${bin}/warren-core.cjs`,
      plugins: [withoutShim, apart, clientOfWs, whenUsed],
    }),
    build({
      ...common,
      entryPoints: ['src/bin/launcher.ts'],
      outfile: `${bin}/warren.cjs`,
      banner: { js: '#!/usr/bin/env node' },
    }),
    build({ ...common, entryPoints: ['yaml'], outfile: `${bin}/warren-yaml.cjs` }),
  ]);
}

/** Native modules, which find their own binaries beside them. */
const native = ['better-sqlite3', 'koffi'];

/**
 * Writes the programs other than the CLI into a directory. Nothing is minified, so that a place in
 * a trace can be read: each module is headed by the path of its source, and a map lies beside.
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
    build({
      ...plain,
      ...asFunction,
      banner: { js: `${asFunction.banner.js}${plain.banner.js}` },
      entryPoints: ['src/bin/warrend.ts'],
      outfile: `${bin}/warrend-core.cjs`,
    }),
    build({ ...common, entryPoints: ['src/bin/launcher.ts'], outfile: `${bin}/warrend.js` }),
  ]);
}
