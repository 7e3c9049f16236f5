// Builds dist/bin: every program as a bundle, the CLI and the daemon with a compile cache. Types
// are not looked at here; `npm run check` does that.
import { spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { bundleCli, bundlePrograms } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = `${root}/dist/bin`;

rmSync(`${root}/dist`, { recursive: true, force: true });
mkdirSync(bin, { recursive: true });
await Promise.all([bundleCli(bin), bundlePrograms(bin)]);

// What npm compiled; a packed tarball leaves out what a dependency does not list among its files.
mkdirSync(`${root}/dist/native`);
copyFileSync(
  `${root}/node_modules/better-sqlite3/build/Release/better_sqlite3.node`,
  `${root}/dist/native/better_sqlite3.node`,
);

// Scripts with a compile cache are CommonJS, whatever the package is.
writeFileSync(`${bin}/package.json`, '{ "type": "commonjs" }\n');
// The name that everybody expects.
writeFileSync(`${bin}/warren.js`, "#!/usr/bin/env node\nrequire('./warren.cjs');\n");
for (const name of ['warren.cjs', 'warren.js']) chmodSync(`${bin}/${name}`, 0o755);
for (const name of ['warren', 'warrend']) {
  const { status } = spawnSync(
    process.execPath,
    [`${root}/src/setup/compile-cache.mjs`, bin, name],
    {
      stdio: 'inherit',
    },
  );
  if (status !== 0) process.exit(status ?? 1);
}
