import { stat } from 'node:fs/promises';

import type { HostPath } from '../base/brand.ts';
import type { Layout } from './archive/policy.ts';

const maxKnown = 64;

/** What inspection learnt of files, so that unpacking need not read them twice. */
export class LayoutMemory {
  readonly #known = new Map<string, Layout>();

  async remember(file: HostPath, layout: Layout): Promise<void> {
    if (this.#known.size >= maxKnown) this.#known.clear();
    this.#known.set(await identityOf(file), layout);
  }

  async find(file: HostPath): Promise<Layout | undefined> {
    return this.#known.get(await identityOf(file));
  }
}

/** Files move, but a file that was written again is another one. */
async function identityOf(file: HostPath): Promise<string> {
  const { dev, ino, size, mtimeMs } = await stat(file);
  return [dev, ino, size, mtimeMs].join(':');
}
