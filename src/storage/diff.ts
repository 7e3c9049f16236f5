import { closeSync, constants, lstatSync, type BigIntStats } from 'node:fs';
import { opendir } from 'node:fs/promises';

import { WarrenError } from '../contract/errors.ts';
import { AT_FDCWD, entryPath, openat2 } from '../sys/kernel/fs.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { hasSameAttributes, hasSameContent, type TreeFile } from './alike.ts';
import { openConfined, type OpenFd } from './files/resolve.ts';
import { makeTurns } from './turns.ts';
import type { TreeAttributes, TreeChange } from './types.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
/** Of one directory: each costs the daemon some hundred bytes, and the guest none of its own. */
const maxNamesOfOne = 1_000_000;

export interface DiffInput {
  /** Two mounted roots; a guest may be at work in the second. */
  readonly from: string;
  readonly to: string;
  /**
   * Directories of the layers that only one of the two stands on: whatever is alike in both and in
   * none of these is the same file. Undefined: everything is compared.
   */
  readonly layers: readonly string[] | undefined;
  /** No more changes than this are looked for. */
  readonly maxChanges: number;
  /** Names that one directory may have. */
  readonly maxNames?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What one root has that the other has not. The layers only say where to look; what there is to
 * see, the kernel says, so that whiteouts, opaque directories and redirects need not be understood
 * here. Throws `hostile` for a directory with more names than may be.
 */
export async function diffTrees(input: DiffInput): Promise<TreeChange[]> {
  const fds = [input.from, input.to, ...(input.layers ?? [])].map((path) =>
    openat2(AT_FDCWD, path, { flags: O_RDONLY | O_DIRECTORY, resolve: 0 }),
  );
  try {
    const [from = -1, to = -1, ...layers] = fds;
    const walk = new Walk(from, to, input);
    await walk.compare(input.layers === undefined ? undefined : layers);
    return walk.changes.sort((a, b) => Buffer.compare(a.path, b.path));
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

interface Pending {
  readonly path: Buffer;
  /** Roots of the layers that have this directory. */
  readonly layers: readonly number[] | undefined;
}

class Walk {
  readonly changes: TreeChange[] = [];
  readonly #from: number;
  readonly #to: number;
  readonly #input: DiffInput;
  readonly #takeTurns: () => Promise<void>;

  constructor(from: number, to: number, input: DiffInput) {
    this.#from = from;
    this.#to = to;
    this.#input = input;
    this.#takeTurns = makeTurns(input.signal);
  }

  async compare(layers: readonly number[] | undefined): Promise<void> {
    const pending: Pending[] = [{ path: Buffer.from('/'), layers }];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (this.#isFull) return;
      pending.push(...(await this.#directory(next)));
    }
  }

  get #isFull(): boolean {
    return this.changes.length >= this.#input.maxChanges;
  }

  /** Compares one directory that both have; returns those in it that both have and may differ. */
  async #directory({ path, layers }: Pending): Promise<Pending[]> {
    using from = openDirectory(this.#from, path);
    using to = openDirectory(this.#to, path);
    if (from === undefined || to === undefined) return [];
    const touched = layers === undefined ? undefined : await this.#touchedIn(layers, path);
    const old = new Set((await this.#entriesIn(from, path)).keys());
    const now = new Set((await this.#entriesIn(to, path)).keys());
    const below: Pending[] = [];
    for (const key of new Set([...old, ...now])) {
      await this.#takeTurns();
      const inBoth = old.has(key) && now.has(key);
      const layersBelow = touched?.get(key);
      if (this.#isFull || (inBoth && touched !== undefined && layersBelow === undefined)) continue;
      const name = Buffer.from(key, 'latin1');
      const full = joined(path, name);
      const a = find(from, name);
      const b = find(to, name);
      if (a === undefined && b !== undefined) await this.#whole('A', full, b, this.#to);
      if (a !== undefined && b === undefined) await this.#whole('D', full, a, this.#from);
      if (a === undefined || b === undefined) continue;
      if (typeOf(a) !== typeOf(b)) await this.#other(full, a, b);
      else if (a.stat.isDirectory()) {
        if (!hasSameAttributes(a, b)) this.#add('M', full, a.stat, b.stat);
        below.push({ path: full, layers: touched === undefined ? undefined : (layersBelow ?? []) });
      } else if (!(await this.#isSame(a, b))) {
        this.#add('M', full, a.stat, b.stat);
      }
    }
    return below;
  }

  async #isSame(a: TreeFile, b: TreeFile): Promise<boolean> {
    if (!hasSameAttributes(a, b)) return false;
    try {
      return await hasSameContent(a, b, this.#input.signal);
    } catch (error) {
      // It has become something else meanwhile.
      if (hasErrno(error, 'ENOENT', 'ELOOP', 'EINVAL', 'ENXIO')) return false;
      throw error;
    }
  }

  /** Something of another type in the same place, with what was or is below it. */
  async #other(path: Buffer, a: TreeFile, b: TreeFile): Promise<void> {
    this.#add('T', path, a.stat, b.stat);
    if (a.stat.isDirectory()) await this.#below('D', path, this.#from);
    if (b.stat.isDirectory()) await this.#below('A', path, this.#to);
  }

  async #whole(change: 'A' | 'D', path: Buffer, file: TreeFile, root: number): Promise<void> {
    this.#addOne(change, path, file.stat);
    if (file.stat.isDirectory()) await this.#below(change, path, root);
  }

  async #below(change: 'A' | 'D', path: Buffer, root: number): Promise<void> {
    const pending = [path];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      using directory = openDirectory(root, next);
      if (directory === undefined) continue;
      for (const key of (await this.#entriesIn(directory, next)).keys()) {
        await this.#takeTurns();
        if (this.#isFull) return;
        const name = Buffer.from(key, 'latin1');
        const file = find(directory, name);
        if (file === undefined) continue;
        this.#addOne(change, joined(next, name), file.stat);
        if (file.stat.isDirectory()) pending.push(joined(next, name));
      }
    }
  }

  /** Names in the layers' directories, each with the layers in which it is a directory itself. */
  async #touchedIn(
    layers: readonly number[],
    path: Buffer,
  ): Promise<ReadonlyMap<string, readonly number[]>> {
    const touched = new Map<string, number[]>();
    for (const layer of layers) {
      using directory = openDirectory(layer, path);
      if (directory === undefined) continue;
      for (const [key, isDirectory] of await this.#entriesIn(directory, path)) {
        const below = touched.get(key) ?? [];
        if (isDirectory) below.push(layer);
        touched.set(key, below);
        // How fuse-overlayfs marks what is gone where it may not make device nodes.
        if (key.startsWith('.wh.')) touched.set(key.slice(4), touched.get(key.slice(4)) ?? []);
      }
    }
    return touched;
  }

  /** Whether each is a directory, by name. Names are bytes; as latin1 each is a text of its own. */
  async #entriesIn(directory: OpenFd, path: Buffer): Promise<ReadonlyMap<string, boolean>> {
    const maxNames = this.#input.maxNames ?? maxNamesOfOne;
    const entries = new Map<string, boolean>();
    for await (const entry of await opendir(directory.path, {
      encoding: 'buffer' as BufferEncoding,
      bufferSize: 512,
    })) {
      if (entries.size >= maxNames) {
        const what = `compare ${path.toString('utf8')}`;
        throw new WarrenError('hostile', { what, found: `it has more than ${maxNames} names` });
      }
      entries.set((entry.name as unknown as Buffer).toString('latin1'), entry.isDirectory());
    }
    return entries;
  }

  #addOne(change: 'A' | 'D', path: Buffer, stat: BigIntStats): void {
    this.#add(change, path, change === 'D' ? stat : undefined, change === 'A' ? stat : undefined);
  }

  #add(
    change: TreeChange['change'],
    path: Buffer,
    before: BigIntStats | undefined,
    after: BigIntStats | undefined,
  ): void {
    const isDirectory = (after ?? before)?.isDirectory() === true;
    this.changes.push({
      ...{ change, path, isDirectory, before: sizeOf(before), after: sizeOf(after) },
      ...(change === 'M' ? changedAttributes(before, after) : {}),
    });
  }
}

/** Undefined when it is no directory (any more). */
function openDirectory(root: number, path: Buffer): OpenFd | undefined {
  try {
    return openConfined(root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (hasErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function find(directory: OpenFd, name: Buffer): TreeFile | undefined {
  const path = entryPath(directory.fd, name);
  try {
    return { path, stat: lstatSync(path, { bigint: true }) };
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function typeOf({ stat }: TreeFile): bigint {
  return stat.mode & BigInt(constants.S_IFMT);
}

function sizeOf(stat: BigIntStats | undefined): number | undefined {
  return stat === undefined || stat.isDirectory() ? undefined : Number(stat.size);
}

function changedAttributes(
  before: BigIntStats | undefined,
  after: BigIntStats | undefined,
): Pick<TreeChange, 'attributes'> {
  if (before === undefined || after === undefined) return {};
  const { mode, uid, gid } = before;
  if (mode === after.mode && uid === after.uid && gid === after.gid) return {};
  return { attributes: { before: attributesOf(before), after: attributesOf(after) } };
}

function attributesOf({ mode, uid, gid }: BigIntStats): TreeAttributes {
  return { mode: Number(mode & 0o7777n), uid: Number(uid), gid: Number(gid) };
}

function joined(path: Buffer, name: Buffer): Buffer {
  return Buffer.concat([path, Buffer.from(path.length === 1 ? '' : '/'), name]);
}
