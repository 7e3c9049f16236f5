// Builds dist/: every module by tsc, and the CLI once more as a bundle with a compile cache, since
// resolving, reading and compiling a hundred modules takes longer than a command itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { bundleCli } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = `${root}/dist/bin`;

rmSync(`${root}/dist`, { recursive: true, force: true });
runNode([`${root}/node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json']);

await bundleCli(bin);

// What npm compiled; a packed tarball leaves out what a dependency does not list among its files.
mkdirSync(`${root}/dist/native`);
copyFileSync(
  `${root}/node_modules/better-sqlite3/build/Release/better_sqlite3.node`,
  `${root}/dist/native/better_sqlite3.node`,
);

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
