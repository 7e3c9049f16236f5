import { daemonMain } from '../daemon/main.ts';

try {
  await daemonMain(process.env);
} catch (error) {
  process.stderr.write(`warrend: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
