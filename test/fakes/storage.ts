import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { promisify } from 'node:util';

import { hostPath } from '../../src/base/brand.ts';
import { plainRoot } from '../../src/storage/files/file-root.ts';
import { openGuestFiles } from '../../src/storage/files/guest-files.ts';
import { lookAt } from '../../src/storage/look.ts';

import type { Paths } from '../../src/contract/paths.ts';

import type { StorageService } from '../../src/storage/types.ts';

const exec = promisify(execFile);

/**
 * A layer store of plain directories for a process that may not mount: a root is put together by
 * copying its layers, and what was written to it is copied back when it is unmounted. Everything
 * belongs to the user who runs the test, so guest ids other than 0 cannot be had.
 */
export function fakeStorage(paths: Paths): StorageService {
  const rootsDir = `${paths.runtimeDir}/roots`;
  for (const dir of [paths.layersDir, paths.instancesDir, paths.volumesDir, rootsDir]) {
    mkdirSync(dir, { recursive: true });
  }
  let last = 0;
  const layer = (id: string): string => `${paths.layersDir}/${id}`;
  const upper = (id: number): string => `${paths.instancesDir}/${id}/upper`;
  const root = (id: number): string => `${rootsDir}/${id}`;
  const copy = async (from: string, to: string): Promise<void> => {
    mkdirSync(to, { recursive: true });
    await exec('cp', ['-a', `${from}/.`, to]);
  };
  const size = (dir: string): number =>
    existsSync(dir) ? readdirSync(dir, { recursive: true }).length * 4096 : 0;
  /** What was copied from a whole root hides everything below it. */
  const whole = new Set<string>();
  const compose = async (chain: readonly string[], target: string): Promise<void> => {
    const lowest = chain.findIndex((dir) => whole.has(dir));
    const seen = lowest === -1 ? chain : chain.slice(0, lowest + 1);
    for (const dir of seen.toReversed()) await copy(dir, target);
  };
  const nextLayer = (): string => `f${(++last).toString(36)}`;
  const keepUpper = async (id: number): Promise<string> => {
    const made = nextLayer();
    const isMounted = existsSync(root(id));
    await copy(isMounted ? root(id) : upper(id), layer(made));
    if (isMounted || whole.has(upper(id))) whole.add(layer(made));
    return made;
  };
  return {
    tier: 'copy',
    tierProblems: [],
    maxLayers: 100,
    close: () => Promise.resolve(),
    stageLayer: () => {
      const id = nextLayer();
      const staged = `${layer(id)}.staged`;
      mkdirSync(staged);
      let committed = false;
      return Promise.resolve({
        id,
        path: hostPath(staged),
        commit: () => {
          renameSync(staged, layer(id));
          committed = true;
          return Promise.resolve();
        },
        [Symbol.asyncDispose]: () => {
          if (!committed) rmSync(staged, { recursive: true, force: true });
          return Promise.resolve();
        },
      });
    },
    removeLayer: (id) => {
      rmSync(layer(id), { recursive: true, force: true });
      return Promise.resolve();
    },
    listLayers: () =>
      Promise.resolve(readdirSync(paths.layersDir).filter((name) => !name.endsWith('.staged'))),
    shiftLayer: async (id) => {
      const made = nextLayer();
      await copy(layer(id), layer(made));
      return made;
    },
    importTree: async (_owner, _base, fill) => {
      const made = nextLayer();
      mkdirSync(layer(made));
      await fill(hostPath(layer(made)));
      whole.add(layer(made));
      return [made];
    },
    layerSize: (id) => Promise.resolve(size(layer(id))),
    createUpper: (id) => {
      mkdirSync(upper(id), { recursive: true });
      return Promise.resolve();
    },
    removeUpper: (id) => {
      rmSync(`${paths.instancesDir}/${id}`, { recursive: true, force: true });
      return Promise.resolve();
    },
    emptyUpper: (id) => {
      rmSync(upper(id), { recursive: true, force: true });
      mkdirSync(upper(id), { recursive: true });
      whole.delete(upper(id));
      return Promise.resolve();
    },
    listUppers: () => Promise.resolve(readdirSync(paths.instancesDir).map(Number)),
    upperSizes: (ids) => Promise.resolve(new Map(ids.map((id) => [id, size(upper(id))]))),
    freezeUpper: async (id) => {
      const made = await keepUpper(id);
      rmSync(upper(id), { recursive: true, force: true });
      mkdirSync(upper(id), { recursive: true });
      whole.delete(upper(id));
      return made;
    },
    isUntouched: () => Promise.resolve(false),
    keepFreeze: () => Promise.resolve(),
    undoFreeze: (id, frozen) => {
      rmSync(upper(id), { recursive: true });
      renameSync(layer(frozen), upper(id));
      if (whole.delete(layer(frozen))) whole.add(upper(id));
      return Promise.resolve();
    },
    copyUpper: async (id, { copied }) => {
      const made = await keepUpper(id);
      await copied?.();
      return made;
    },
    mountRoot: async (id, layers) => {
      if (!existsSync(root(id))) {
        await compose([upper(id), ...layers.map(layer)], root(id));
      }
      return hostPath(root(id));
    },
    unmountRoot: async (id) => {
      if (!existsSync(root(id))) return;
      if (existsSync(upper(id))) {
        rmSync(upper(id), { recursive: true });
        await copy(root(id), upper(id));
        whole.add(upper(id));
      }
      rmSync(root(id), { recursive: true, force: true });
    },
    rootPath: (id) => hostPath(root(id)),
    mountView: async (layers, upperOf) => {
      const path = `${rootsDir}/view-${(++last).toString(36)}`;
      const chain = [...(upperOf === undefined ? [] : [upper(upperOf)]), ...layers.map(layer)];
      await compose(chain, path);
      return {
        path: hostPath(path),
        [Symbol.asyncDispose]: () => {
          rmSync(path, { recursive: true });
          return Promise.resolve();
        },
      };
    },
    flatten: (_owner, chain) => Promise.resolve([...chain]),
    diff: () => Promise.resolve([]),
    listMountedRoots: () =>
      Promise.resolve(
        readdirSync(rootsDir)
          .filter((name) => /^\d+$/.test(name))
          .map(Number),
      ),
    stagePlain: () => Promise.resolve(),
    plainDirectory: (id, name) => {
      const dir = `${paths.instancesDir}/${id}/plain/${name}`;
      mkdirSync(dir, { recursive: true });
      return Promise.resolve(hostPath(dir));
    },
    openFiles: (path) => {
      if (typeof path !== 'string') throw new Error('the fake runtime has no roots');
      const start = process.getuid?.() ?? 0;
      const files = openGuestFiles(plainRoot(path), { start, size: 1 }, 'the test directory');
      if (start === 0) return files;
      // The real one takes only what belongs to uid 0 for what it has just made.
      const makeDirectory: typeof files.makeDirectory = (name, options) => {
        const { mode = 0o755, parents = false } = options;
        mkdirSync(`${path}${name.toString()}`, { mode, recursive: parents });
        return Promise.resolve();
      };
      return { ...files, makeDirectory, [Symbol.dispose]: files[Symbol.dispose].bind(files) };
    },
    volumes: {
      create: () => {
        const tree = nextLayer();
        mkdirSync(`${paths.volumesDir}/${tree}`);
        return Promise.resolve(tree);
      },
      copy: async (tree, { copied }) => {
        const made = nextLayer();
        await copy(`${paths.volumesDir}/${tree}`, `${paths.volumesDir}/${made}`);
        await copied?.();
        return made;
      },
      extent: (_tree, owner) => Promise.resolve(owner),
      shift: () => Promise.resolve(),
      shiftNew: () => Promise.resolve(),
      remove: (tree) => {
        rmSync(`${paths.volumesDir}/${tree}`, { recursive: true, force: true });
        return Promise.resolve();
      },
      list: () => Promise.resolve(readdirSync(paths.volumesDir)),
      sweep: () => Promise.resolve(),
      path: (tree) => hostPath(`${paths.volumesDir}/${tree}`),
      size: (tree) => Promise.resolve(size(`${paths.volumesDir}/${tree}`)),
    },
    sweepStaging: () => Promise.resolve(),
    undoUnrecordedFreezes: () => Promise.resolve({ mended: [], left: [] }),
    look: () => lookAt(paths, () => false),
    removeUnfinished: (path) => {
      rmSync(path, { recursive: true });
      return Promise.resolve();
    },
  };
}
