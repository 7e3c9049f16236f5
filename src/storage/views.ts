import { randomUUID } from 'node:crypto';
import { chmod, mkdir, readdir, rmdir } from 'node:fs/promises';

import { hostPath, type HostPath } from '../base/brand.ts';
import { MS_BIND, MS_RDONLY, mount } from '../sys/kernel/mount.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { instancesLink, layersLink, nothingDir } from './mounts.ts';
import { planRoot } from './plan.ts';
import {
  checkedOptions,
  kindOfUpper,
  maxLayers,
  unmountPatiently,
  type RootsDeps,
} from './roots.ts';
import type { LayerId, StorageView } from './types.ts';

/** Read-only mounts of chains of layers, for whoever reads what no machine has mounted. */
export interface Views {
  mount(layers: readonly LayerId[], upperOf?: number): Promise<StorageView>;
  /** Unmounts what a daemon that died had mounted. */
  sweep(): Promise<void>;
}

export function makeViews({ paths, log, tier, layers, uppers }: RootsDeps): Views {
  const dir = `${paths.mountDir}/views`;

  const leave = async (path: string): Promise<void> => {
    await unmountPatiently(path, log);
    await rmdir(path);
  };

  return {
    mount: async (chain, upperOf) => {
      const upper = upperOf === undefined ? undefined : uppers.upperPath(upperOf);
      if (upperOf !== undefined) await uppers.freezes.settle(upperOf, chain);
      const plan = planRoot({
        tier,
        upper: upper === undefined ? { kind: 'plain' } : await kindOfUpper(upper),
        chain: await Promise.all(chain.map(async (id) => ({ id, ...(await layers.kindOf(id)) }))),
        instanceId: upperOf ?? 0,
      });
      await mkdir(dir, { recursive: true });
      const target = hostPath(`${dir}/${randomUUID().slice(0, 13)}`);
      await mkdir(target);
      await chmod(dir, 0o711);
      await chmod(target, 0o711);
      const lower = plan.layers.map((layer) => `${layersLink(paths)}/${layer}`);
      if (upperOf !== undefined) lower.unshift(`${instancesLink(paths)}/${upperOf}/upper`);
      const what = `read ${upperOf === undefined ? 'a snapshot' : `machine ${upperOf}`}`;
      try {
        switch (plan.method) {
          case 'kernel': {
            const data = plan.data === undefined ? '' : `::${layersLink(paths)}/${plan.data}.data`;
            // The kernel wants two directories for a mount without an upper one.
            if (lower.length === 1 && data === '') lower.push(nothingDir(paths));
            const options = `userxattr,lowerdir=${lower.join(':')}${data}`;
            mount({
              source: 'overlay',
              target,
              type: 'overlay',
              flags: MS_RDONLY,
              data: checkedOptions(options, what, maxLayers(paths)),
            });
            break;
          }
          case 'fuse':
            await run(
              'fuse-overlayfs',
              ['-o', `ro,allow_other,lowerdir=${lower.join(':')}`, target],
              {
                what,
              },
            );
            break;
          case 'copy':
            bind(layers.path(plan.layers[0] ?? ''), target);
            break;
          case 'bind':
            if (upper !== undefined) bind(upper, target);
            break;
        }
      } catch (error) {
        await rmdir(target);
        throw error;
      }
      return { path: target, [Symbol.asyncDispose]: () => leave(target) };
    },

    sweep: async () => {
      for (const name of await readdir(dir).catch(absent)) {
        await leave(`${dir}/${name}`);
      }
    },
  };
}

function absent(error: unknown): string[] {
  if (hasErrno(error, 'ENOENT')) return [];
  throw error;
}

function bind(source: HostPath, target: HostPath): void {
  mount({ source, target, type: '', flags: MS_BIND });
}
