import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';

import type { Paths } from '../contract/paths.ts';
import { isLayerId, type TreeKind } from './layers.ts';
import type { StorageLook } from './types.ts';

/**
 * What is on disk at one moment: nothing of this process comes in between. Paths for which
 * `isLeaving` holds are left out.
 */
export function lookAt(
  paths: Pick<Paths, 'layersDir' | 'instancesDir' | 'volumesDir'>,
  isLeaving: (path: string) => boolean,
): StorageLook {
  const { layersDir, instancesDir, volumesDir } = paths;
  const names = entries(layersDir);
  const layers = names.filter(isLayerId);
  const instances = entries(instancesDir).filter((name) => /^\d+$/.test(name));
  const hasData = new Set(names.filter((name) => name.endsWith('.data')));
  return {
    layers,
    withoutData: layers.filter((layer) => {
      const data = dataOf(`${layersDir}/${layer}.json`);
      return data !== undefined && !hasData.has(`${data}.data`);
    }),
    frozen: instances.flatMap((id) => linkAt(`${instancesDir}/${id}/freezing`) ?? []),
    instances: instances.filter((id) => existsSync(`${instancesDir}/${id}/upper`)).map(Number),
    instanceDirectories: instances.map(Number),
    volumes: entries(volumesDir).filter(isLayerId),
    unfinished: [layersDir, volumesDir].flatMap((directory) =>
      entries(directory)
        .filter((name) => /\.(?:part|gone)$/.test(name))
        .map((name) => `${directory}/${name}`)
        .filter((path) => !isLeaving(path)),
    ),
  };
}

function entries(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

/** The layer that has the contents of a meta layer. */
function dataOf(kindFile: string): string | undefined {
  if (!existsSync(kindFile)) return undefined;
  const kind = JSON.parse(readFileSync(kindFile, 'utf8')) as TreeKind;
  return kind.kind === 'meta' ? kind.data : undefined;
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
