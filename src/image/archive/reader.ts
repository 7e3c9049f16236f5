import { blockSize, paddedSize, parseHeader, TarFormatError, type TarHeader } from './header.ts';
import { formatPax, parsePax, paxNumber, type PaxRecords } from './pax.ts';
import { keepRecords } from './xattrs.ts';

/** One file, directory or link of an archive, extended headers merged in. Names as latin1. */
export interface TarEntry {
  readonly name: string;
  readonly linkName: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content in the archive; of a sparse file, its data and map. */
  readonly size: number;
  /** Length of the file when unpacked. */
  readonly realSize: number;
}

export interface TarHandler {
  /** `keep` passes the entry on, `collect` hands its content to `content`. May throw to refuse. */
  entry(entry: TarEntry): 'keep' | 'drop' | 'collect';
  content(entry: TarEntry, content: Buffer): void;
  /** A piece of the archive that is passed on, in order. Valid until the call returns or longer. */
  emit(piece: Buffer): void;
}

const maxPaxBytes = 1024 * 1024;
const maxNameBytes = 64 * 1024;
/** Old GNU sparse maps: 21 extents per block, so about 86,000 extents. */
const maxSparseBlocks = 4096;
/** tar pads to a record, often 10 KiB; more than this after the end is no padding. */
const maxTrailingBytes = 16 * 1024 * 1024;

type State =
  | { readonly step: 'header' }
  | { readonly step: 'extension'; readonly header: TarHeader }
  | { readonly step: 'gather'; readonly size: number; readonly done: (content: Buffer) => void }
  | { readonly step: 'pass'; left: number; readonly keep: boolean }
  | { readonly step: 'end' };

/**
 * Reads a tar stream as it arrives and passes on the entries its handler keeps, byte by byte but
 * for extended headers, which are written anew with only what `keepRecords` allows. Everything it
 * does not know is an error: the tar program behind it must not see what this one did not.
 */
export class TarReader {
  readonly #handler: TarHandler;
  #state: State = { step: 'header' };
  #rest: Buffer = Buffer.alloc(0);
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  /** Blocks that belong to the entry whose header has not come yet. */
  #held: Buffer[] = [];
  #trailing = 0;
  #hasBegun = false;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Throws `TarFormatError` for a damaged archive, and what the handler throws. */
  push(chunk: Buffer): void {
    let data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const used = this.#step(data);
      if (used === undefined) break;
      data = data.subarray(used);
    }
    this.#rest = data;
  }

  /** The stream has ended. Throws `TarFormatError` when the archive had not. */
  end(): void {
    if (this.#state.step !== 'end') throw new TarFormatError('it ends in the middle');
  }

  /** Bytes used up, or undefined when more must come first. */
  #step(data: Buffer): number | undefined {
    const state = this.#state;
    switch (state.step) {
      case 'header':
        return this.#need(data, blockSize, (block) => {
          this.#onHeader(block);
        });
      case 'extension':
        return this.#need(data, blockSize, (block) => {
          this.#onExtension(block, state.header);
        });
      case 'gather':
        return this.#need(data, paddedSize(state.size), (block) => {
          state.done(block.subarray(0, state.size));
        });
      case 'pass': {
        if (data.length === 0) return undefined;
        const used = Math.min(data.length, state.left);
        if (state.keep) this.#handler.emit(data.subarray(0, used));
        state.left -= used;
        if (state.left === 0) this.#state = { step: 'header' };
        return used;
      }
      case 'end':
        if (data.length === 0) return undefined;
        this.#trailing += data.length;
        if (this.#trailing > maxTrailingBytes) throw new TarFormatError('it goes on after its end');
        return data.length;
    }
  }

  #need(data: Buffer, size: number, act: (block: Buffer) => void): number | undefined {
    if (data.length < size) return undefined;
    act(data.subarray(0, size));
    return size;
  }

  /** What goes wrong with the first of all is most likely no archive. */
  #parseHeader(block: Buffer): TarHeader | undefined {
    const isFirst = !this.#hasBegun;
    this.#hasBegun = true;
    try {
      return parseHeader(block);
    } catch (error) {
      if (!isFirst || !(error instanceof TarFormatError)) throw error;
      throw new TarFormatError('it is no tar archive', { cause: error });
    }
  }

  #onHeader(block: Buffer): void {
    const header = this.#parseHeader(block);
    if (header === undefined) {
      if (this.#held.length > 0 || this.#pax !== undefined) {
        throw new TarFormatError('an extended header stands before no entry');
      }
      this.#handler.emit(Buffer.alloc(2 * blockSize));
      this.#state = { step: 'end' };
      return;
    }
    if (header.size < 0) throw new TarFormatError('an entry has a negative size');
    switch (header.type) {
      case 'x':
        this.#gather(header, maxPaxBytes, (content) => {
          if (this.#pax !== undefined)
            throw new TarFormatError('an entry has two extended headers');
          this.#pax = parsePax(content);
        });
        return;
      case 'g':
        this.#gather(header, maxPaxBytes, checkGlobal);
        return;
      case 'L':
      case 'K':
        this.#onLongName(header, block);
        return;
      case 'S':
        this.#held.push(Buffer.from(block));
        if (header.sparse === undefined) throw new TarFormatError('a sparse file has no map');
        if (header.sparse.extended) this.#state = { step: 'extension', header };
        else this.#onEntry(header);
        return;
      default:
        this.#held.push(Buffer.from(block));
        this.#onEntry(header);
    }
  }

  #gather(header: TarHeader, maxBytes: number, done: (content: Buffer) => void): void {
    if (header.size > maxBytes) throw new TarFormatError('an extended header is too large');
    this.#state = {
      step: 'gather',
      size: header.size,
      done: (content) => {
        this.#state = { step: 'header' };
        done(content);
      },
    };
  }

  #onLongName(header: TarHeader, block: Buffer): void {
    const headerBlock = Buffer.from(block);
    this.#gather(header, maxNameBytes, (content) => {
      const end = content.indexOf(0);
      const name = content.toString('latin1', 0, end === -1 ? content.length : end);
      const isLink = header.type === 'K';
      if ((isLink ? this.#longLink : this.#longName) !== undefined) {
        throw new TarFormatError('an entry has two long names');
      }
      if (isLink) this.#longLink = name;
      else this.#longName = name;
      this.#held.push(headerBlock, Buffer.concat([content], paddedSize(content.length)));
    });
  }

  #onExtension(block: Buffer, header: TarHeader): void {
    this.#held.push(Buffer.from(block));
    if (this.#held.length > maxSparseBlocks) throw new TarFormatError('a sparse map is too long');
    if (block[504] === 0) this.#onEntry(header);
  }

  #onEntry(header: TarHeader): void {
    const records = this.#pax ?? new Map<string, string>();
    const entry = mergeEntry(header, records, this.#longName, this.#longLink);
    const held = this.#held;
    this.#held = [];
    this.#pax = this.#longName = this.#longLink = undefined;

    const decision = this.#handler.entry(entry);
    if (decision === 'collect') {
      this.#state = {
        step: 'gather',
        size: entry.size,
        done: (content) => {
          this.#state = { step: 'header' };
          this.#handler.content(entry, Buffer.from(content));
        },
      };
      return;
    }
    if (decision === 'keep') {
      const pax = formatPax(keepRecords(records));
      if (pax.length > 0) this.#handler.emit(pax);
      for (const piece of held) this.#handler.emit(piece);
    }
    const left = paddedSize(entry.size);
    this.#state =
      left === 0 ? { step: 'header' } : { step: 'pass', left, keep: decision === 'keep' };
  }
}

/**
 * Only `git archive`'s comment and times are met in practice; a global name or owner is a trick.
 */
function checkGlobal(content: Buffer): void {
  for (const key of parsePax(content).keys()) {
    if (!['comment', 'mtime', 'atime', 'ctime', 'charset', 'hdrcharset'].includes(key)) {
      throw new TarFormatError(`a global header sets "${key.slice(0, 40)}"`);
    }
  }
}

function mergeEntry(
  header: TarHeader,
  pax: PaxRecords,
  longName: string | undefined,
  longLink: string | undefined,
): TarEntry {
  const size = paxNumber(pax, 'size') ?? header.size;
  // tar takes a hard link's size for that of the file it links to; others have none.
  const storedSize = header.type === '1' ? 0 : size;
  if (storedSize < 0 || ('23456'.includes(header.type) && storedSize > 0)) {
    throw new TarFormatError('an entry that is no file has a size');
  }
  if (pax.has('GNU.sparse.offset')) throw new TarFormatError('a sparse map is of an unknown kind');
  const realSize =
    paxNumber(pax, 'GNU.sparse.realsize') ??
    paxNumber(pax, 'GNU.sparse.size') ??
    header.sparse?.realSize ??
    storedSize;
  return {
    name: pax.get('GNU.sparse.name') ?? pax.get('path') ?? longName ?? header.name,
    linkName: pax.get('linkpath') ?? longLink ?? header.linkName,
    type: header.type,
    mode: header.mode,
    uid: paxNumber(pax, 'uid') ?? header.uid,
    gid: paxNumber(pax, 'gid') ?? header.gid,
    size: storedSize,
    realSize,
  };
}
