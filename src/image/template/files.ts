import { isUtf8 } from 'node:buffer';

import { maxTemplateBytes } from './parse.ts';

const maxTemplates = 200;
const maxAllBytes = 1024 * 1024;

/**
 * Gathers the templates of an archive: plain files of text, not many and not large. Whether the
 * archive is an image with templates may be known only at its end, so that what is wrong with them
 * is kept until then.
 */
export class TemplateCollector {
  readonly #files = new Map<string, string>();
  #bytes = 0;
  #problem: string | undefined;

  /** Whether its content is to be read. Directories and what is no plain name are left alone. */
  wants(name: string, entry: { readonly type: string; readonly size: number }): boolean {
    if (!isTemplateName(name) || entry.type !== '0' || this.#problem !== undefined) return false;
    this.#bytes += entry.size;
    if (this.#files.size >= maxTemplates) {
      this.#problem = `it has more than ${maxTemplates} templates`;
    } else if (entry.size > maxTemplateBytes || this.#bytes > maxAllBytes) {
      this.#problem = 'its templates are larger than 64 KiB each, or 1 MiB together';
    }
    return this.#problem === undefined;
  }

  add(name: string, content: Buffer): void {
    if (isUtf8(content)) this.#files.set(name, content.toString('utf8'));
    else this.#problem ??= `its template ${name} is no text`;
  }

  /** By name; `refuse` makes the error of what is wrong with them. */
  files(refuse: (problem: string) => Error): Readonly<Record<string, string>> {
    if (this.#problem !== undefined) throw refuse(this.#problem);
    return Object.fromEntries(this.#files);
  }
}

/** A plain name below `templates/`. */
export function isTemplateName(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,254}$/.test(name) && name !== '__proto__';
}
