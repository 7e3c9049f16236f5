// Builds dist/: every module by tsc, and the CLI once more as a bundle with a compile cache, since
// resolving, reading and compiling a hundred modules takes longer than a command itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = `${root}/dist/bin`;

rmSync(`${root}/dist`, { recursive: true, force: true });
runNode([`${root}/node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json']);

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
  define: { 'import.meta.dirname': '__dirname', 'import.meta.url': '__filename' },
  // A script with a compile cache cannot `import()`.
  supported: { 'dynamic-import': false },
  external: ['bufferutil', 'utf-8-validate'],
};

await Promise.all([
  build({
    ...common,
    entryPoints: ['src/bin/warren.ts'],
    outfile: `${bin}/warren-core.cjs`,
    plugins: [withoutShim, apart],
  }),
  build({
    ...common,
    entryPoints: ['src/bin/warren-launcher.ts'],
    outfile: `${bin}/warren.cjs`,
    banner: { js: '#!/usr/bin/env node' },
  }),
  ...lazy.map((name) =>
    build({ ...common, entryPoints: [name], outfile: `${bin}/warren-${name}.cjs` }),
  ),
]);

// The package is of type module, so the name that everybody expects is one too.
writeFileSync(`${bin}/warren.js`, "#!/usr/bin/env node\nimport './warren.cjs';\n");
for (const name of ['warren.cjs', 'warren.js']) chmodSync(`${bin}/${name}`, 0o755);
for (const name of ['warren-launcher.js', 'warren-launcher.js.map', 'warren.js.map'])
  rmSync(`${bin}/${name}`);
runNode([`${root}/src/setup/compile-cache.mjs`, bin]);

function runNode(args) {
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
