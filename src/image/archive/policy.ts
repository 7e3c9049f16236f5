import { WarrenError } from '../../contract/errors.ts';
import type { ImageLimits } from '../deps.ts';
import { describeGuestIds, fromGuestId, type IdRange } from '../../base/id-layout.ts';
import { formatCount, formatSize } from '../../base/units.ts';
import { HostileNameError, normalisePath, showName } from './names.ts';
import type { TarEntry } from './reader.ts';

/** `unified`: `rootfs/…` beside `metadata.yaml`. `plain`: the root file system itself. */
export type Layout = 'plain' | 'unified';

export interface PolicyOptions {
  /** For error sentences: `unpack the image`. */
  readonly what: string;
  readonly limits: ImageLimits;
  /**
   * Owners must be among the ids of the machine that owns these; undefined: among all there are.
   */
  readonly ids: IdRange | undefined;
}

/**
 * Bytes of the names that we keep, of links, and tar, of directories: a small archive may hold a
 * million names of 4,000 bytes. A desktop's are some ten million.
 */
const maxNameBytes = 128 * 1024 ** 2;

const allIds: IdRange = { start: 0, size: 2 ** 32 };

/** Entry with its path as `normalisePath` gives it. */
export interface CheckedEntry extends TarEntry {
  readonly path: string;
  readonly isDevice: boolean;
}

/**
 * Judges the entries of one archive in order. It throws `hostile` or `invalid` for what no honest
 * archive of a root file system has. Containment does not rest on it: tar sees nothing but the
 * target. It makes the reason plain and stops a bomb before it fills the disk.
 */
export class ArchivePolicy {
  readonly #options: PolicyOptions;
  /** Paths of symbolic links seen so far: nothing may be written through or over one. */
  readonly #links = new Set<string>();
  #lastParent = '';
  #entries = 0;
  #bytes = 0;
  #nameBytes = 0;

  constructor(options: PolicyOptions) {
    this.#options = options;
  }

  get entries(): number {
    return this.#entries;
  }

  get bytes(): number {
    return this.#bytes;
  }

  check(entry: TarEntry): CheckedEntry {
    const path = this.#path(entry.name, entry, 'its name');
    this.#count(entry);
    this.#checkParents(path, entry);
    if (this.#links.has(path)) this.#refuse(entry, 'replaces a symbolic link of the same archive');
    this.#checkType(entry, path);
    this.#checkOwner(entry);
    return { ...entry, path, isDevice: entry.type === '3' || entry.type === '4' };
  }

  #path(name: string, entry: TarEntry, whose: string): string {
    try {
      return normalisePath(name);
    } catch (error) {
      if (!(error instanceof HostileNameError)) throw error;
      return this.#refuse(entry, `has a name that must not be followed: ${whose} ${error.message}`);
    }
  }

  #checkType(entry: TarEntry, path: string): void {
    switch (entry.type) {
      case '0':
        if (entry.name.endsWith('/')) this.#refuse(entry, 'is a file with the name of a directory');
        return;
      case '1': {
        const target = this.#path(entry.linkName, entry, 'the file it links to');
        if (target === '' || target === path) this.#refuse(entry, 'is a hard link to a directory');
        this.#checkParents(target, entry);
        if (this.#links.has(target)) this.#addLink(path);
        return;
      }
      case '2':
        if (path === '') this.#refuse(entry, 'makes the root a symbolic link');
        if (entry.linkName === '' || entry.linkName.length > 4095) {
          this.#refuse(entry, 'is a symbolic link of a length no file system can hold');
        }
        this.#addLink(path);
        return;
      case '5':
        this.#countName(path);
        return;
      case '3':
      case '4':
      case '6':
      case 'S':
        return;
      default:
        this.#refuse(entry, `is of the unknown type ${showName(entry.type)}`);
    }
  }

  #addLink(path: string): void {
    this.#countName(path);
    this.#links.add(path);
    this.#lastParent = '';
  }

  #checkParents(path: string, entry: TarEntry): void {
    const end = path.lastIndexOf('/');
    const parent = end === -1 ? '' : path.slice(0, end);
    if (parent === this.#lastParent) return;
    for (let at = parent.length; at > 0; at = parent.lastIndexOf('/', at - 1)) {
      if (this.#links.has(parent.slice(0, at))) {
        this.#refuse(entry, 'goes through a symbolic link of the same archive');
      }
    }
    this.#lastParent = parent;
  }

  #checkOwner(entry: TarEntry): void {
    const { ids = allIds, what } = this.#options;
    for (const id of [entry.uid, entry.gid]) {
      if (fromGuestId(ids, id) !== undefined) continue;
      const problem = `${showName(entry.name)} belongs to id ${id}, wanted ${describeGuestIds(ids)}`;
      throw new WarrenError('invalid', { what, issues: [{ path: '', problem }] });
    }
  }

  #count(entry: TarEntry): void {
    const { limits } = this.#options;
    this.#entries += 1;
    this.#bytes += entry.size;
    if (this.#entries > limits.maxEntries) {
      this.#exceeds(`more than ${formatCount(limits.maxEntries)} files`);
    }
    if (this.#bytes > limits.maxBytes) this.#exceeds(`more than ${formatSize(limits.maxBytes)}`);
    if (entry.realSize > limits.maxBytes || entry.realSize < 0) {
      this.#refuse(
        entry,
        `is ${formatSize(entry.realSize)} long, wanted at most ${formatSize(limits.maxBytes)}`,
      );
    }
  }

  #countName({ length }: string): void {
    this.#nameBytes += length;
    if (this.#nameBytes > maxNameBytes)
      this.#exceeds(`more than ${formatSize(maxNameBytes)} of names`);
  }

  #exceeds(found: string): never {
    const { what } = this.#options;
    throw new WarrenError('hostile', { what, found: `the archive unpacks to ${found}` });
  }

  #refuse(entry: TarEntry, problem: string): never {
    const { what } = this.#options;
    throw new WarrenError('hostile', { what, found: `${showName(entry.name)} ${problem}` });
  }
}
