/** What a command line says beside its command. */
export interface CommandLine {
  /** The words from the command's name on, without `--project`. */
  readonly words: readonly string[];
  readonly project: string | undefined;
}

/** Options before the command's name: `warren --debug list`. */
export function leadingGlobals(words: readonly string[]): readonly string[] {
  const isGlobal = (word: string, index: number): boolean =>
    /^(--(debug|quiet|help|version|project(=.*)?)|-[hq])$/.test(word) ||
    words[index - 1] === '--project';
  const end = words.findIndex((word, index) => !isGlobal(word, index));
  return end === -1 ? words : words.slice(0, end);
}

/**
 * The command line without what is not the command's own. Of several projects the last one counts;
 * options of a program that `exec` runs are that program's.
 */
export function readLine(words: readonly string[]): CommandLine {
  const start = leadingGlobals(words).length;
  const end = endOfOwn(words, start);
  const left: string[] = [];
  let project: string | undefined;
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (index >= end) left.push(word);
    else if (word === '--project') project = words[(index += 1)];
    else if (word.startsWith('--project=')) project = word.slice('--project='.length);
    else if (index >= start) left.push(word);
  }
  return { words: left, project };
}

/**
 * Where a program's own words begin: after `--`, or for `exec` with the word after the machine at
 * the latest.
 */
function endOfOwn(words: readonly string[], start: number): number {
  const dashes = words.indexOf('--');
  if (dashes !== -1) return dashes;
  if (words[start] !== 'exec') return words.length;
  const isPlain = (word: string, index: number): boolean =>
    index > start && !word.startsWith('-') && words[index - 1] !== '--project';
  const machine = words.findIndex(isPlain);
  const program = words.findIndex((word, index) => index > machine && isPlain(word, index));
  return machine === -1 || program === -1 ? words.length : program;
}

/** What is about no project, or about all of them. */
const ofNoProject =
  /^warren (help|doctor|daemon|project|completion|alias|version|lxc-setup|-)|--help$/;

/**
 * A command that is proposed, as it is about the project that the command line before it named:
 * without that, `warren delete web --force` would be about another machine.
 */
export function inProject(project: string | undefined, command: string): string {
  if (project === undefined || ofNoProject.test(command)) return command;
  const named = `warren --project ${quoteWords([project])} `;
  return command.replace(/(?<=^|\| )warren /, () => named);
}

/** Words as a shell would read them back. */
export function quoteWords(words: readonly string[]): string {
  return words
    .map((word) =>
      /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`,
    )
    .join(' ');
}
