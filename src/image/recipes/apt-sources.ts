/** One source of packages as apt is told of it. */
export interface AptSource {
  readonly uris: readonly string[];
  readonly suites: readonly string[];
  readonly components: readonly string[];
  /** A keyring's path, where one is named. */
  readonly signedBy: string | undefined;
}

/** Reads the one-line format (`man 5 sources.list`); what is not understood is left out. */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)((?:\s+[^#\s]\S*)*)/.exec(line);
    if (match === null) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    sources.push({
      uris: [uri],
      suites: [suite],
      components: words(components),
      signedBy: /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1],
    });
  }
  return sources;
}

/** Reads the deb822 format: paragraphs of `Field: value` with continuation lines. */
export function parseDeb822Sources(text: string): AptSource[] {
  const withoutComments = text.split('\n').filter((line) => !line.startsWith('#'));
  return withoutComments
    .join('\n')
    .split(/\n\s*\n/)
    .map(parseParagraph)
    .filter((fields) => words(fields.get('types') ?? '').includes('deb'))
    .filter((fields) => (fields.get('enabled') ?? 'yes').trim().toLowerCase() !== 'no')
    .map((fields) => {
      const signedBy = (fields.get('signed-by') ?? '').trim();
      return {
        uris: words(fields.get('uris') ?? ''),
        suites: words(fields.get('suites') ?? ''),
        components: words(fields.get('components') ?? ''),
        // Otherwise it is a key written out in full, of no use outside that file.
        signedBy: /^\/\S+$/.test(signedBy) ? signedBy : undefined,
      };
    });
}

function parseParagraph(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last: string | undefined;
  for (const line of paragraph.split('\n')) {
    if (/^[ \t]/.test(line) && last !== undefined) {
      fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
      continue;
    }
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    last = line.slice(0, colon).trim().toLowerCase();
    fields.set(last, line.slice(colon + 1));
  }
  return fields;
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
