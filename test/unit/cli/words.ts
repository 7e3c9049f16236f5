/**
 * The words of a command line as a shell without variables reads them: blanks, quotes, nothing
 * else.
 */
export function splitWords(line: string): string[] {
  const words: string[] = [];
  for (const match of line.matchAll(/(?:'[^']*'|"[^"]*"|[^\s'"]+)+/g)) {
    words.push(
      match[0].replace(
        /'([^']*)'|"([^"]*)"/g,
        (_all, one?: string, two?: string) => one ?? two ?? '',
      ),
    );
  }
  return words;
}

/** The words of an example after `warren`, and the file it reads standard input from. */
export function exampleWords(line: string): { words: string[]; input: string | undefined } {
  const words = splitWords(line).slice(1);
  const at = words.indexOf('<');
  return at === -1
    ? { words, input: undefined }
    : { words: words.slice(0, at), input: words[at + 1] };
}
