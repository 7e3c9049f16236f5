import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

import { hostMain } from '../host/main.ts';

void hostMain({
  args: process.argv.slice(2),
  env: process.env,
  binDir: dirname(fileURLToPath(import.meta.url)),
}).then((code) => {
  process.exitCode = code;
});
