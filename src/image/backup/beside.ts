import { WarrenError } from '../../contract/errors.ts';
import { maxMetadataBytes, parseMetadata } from '../metadata.ts';
import { TemplateCollector } from '../template/files.ts';
import type { ImageDescription } from '../types.ts';
import { partDirectory } from './layout.ts';

const what = 'import the backup';
const directory = `backup/${partDirectory({ snapshot: undefined })}/`;
const metadataPath = `${directory}metadata.yaml`;
const templates = `${directory}templates/`;

/** Gathers what a backup has beside its machine's root file system. */
export class BesideCollector {
  readonly #templates = new TemplateCollector();
  #metadata: Buffer | undefined;

  /** Whether the content of this entry is to be read. */
  wants(path: string, entry: { readonly type: string; readonly size: number }): boolean {
    if (path.startsWith(templates))
      return this.#templates.wants(path.slice(templates.length), entry);
    return path === metadataPath && entry.type === '0' && entry.size <= maxMetadataBytes;
  }

  add(path: string, content: Buffer): void {
    if (path === metadataPath) this.#metadata = Buffer.from(content);
    else this.#templates.add(path.slice(templates.length), content);
  }

  describe(): ImageDescription | undefined {
    if (this.#metadata === undefined) return undefined;
    const templateFiles = this.#templates.files(
      (problem) => new WarrenError('invalid', { what, issues: [{ path: '', problem }] }),
    );
    return { metadata: parseMetadata(this.#metadata, what), templateFiles };
  }
}
