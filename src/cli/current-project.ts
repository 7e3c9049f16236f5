import { readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';

import type { Paths } from '../contract/paths.ts';

/** Where `project switch` keeps its word. The client's own: the daemon does not know of it. */
function projectFile({ dataDir }: Pick<Paths, 'dataDir'>): string {
  return `${dataDir}/project`;
}

/** The project of commands that name none: `WARREN_PROJECT`, or the one that was switched to. */
export function readCurrentProject(
  paths: Pick<Paths, 'dataDir'>,
  env: Readonly<Record<string, string | undefined>>,
): string {
  const { WARREN_PROJECT: wanted = '' } = env;
  if (wanted !== '') return wanted;
  try {
    return readFileSync(projectFile(paths), 'utf8').trim() || 'default';
  } catch {
    return 'default';
  }
}

/** Makes `name` the project of commands that name none; `default` forgets the choice. */
export async function writeCurrentProject(
  paths: Pick<Paths, 'dataDir'>,
  name: string,
): Promise<void> {
  const file = projectFile(paths);
  if (name === 'default') {
    await rm(file, { force: true });
    return;
  }
  await mkdir(paths.dataDir, { recursive: true, mode: 0o700 });
  await writeFile(`${file}.part`, `${name}\n`, { mode: 0o600 });
  await rename(`${file}.part`, file);
}
