import { readFileSync } from 'node:fs';

/** From the package.json two directories above the bin files. */
export function readVersion(binDir: string): string {
  const text = readFileSync(`${binDir}/../../package.json`, 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
