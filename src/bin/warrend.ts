import { daemonMain } from '../daemon/main.ts';

daemonMain(process.env).catch((error: unknown) => {
  process.stderr.write(`warrend: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
