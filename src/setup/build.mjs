// Builds dist/: every module by tsc, and the CLI once more as a bundle with a compile cache, since
// resolving, reading and compiling a hundred modules takes longer than a command itself.
import { spawnSync } from 'node:child_process';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { bundleCli } from './bundle.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = `${root}/dist/bin`;

rmSync(`${root}/dist`, { recursive: true, force: true });
runNode([`${root}/node_modules/typescript/bin/tsc`, '-p', 'tsconfig.build.json']);

await bundleCli(bin);

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
