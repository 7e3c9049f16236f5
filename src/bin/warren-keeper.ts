import { fileURLToPath } from 'node:url';

import { keeperMain } from '../keeper/main.ts';

const daemon = fileURLToPath(new URL('./warrend.js', import.meta.url));
keeperMain({ env: process.env, daemonArgv: [process.execPath, daemon] });
