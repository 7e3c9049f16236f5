/** How output for people is to look. */
export interface Look {
  readonly color: boolean;
  /** Columns of the terminal; undefined when it is none. */
  readonly width: number | undefined;
  /** Milliseconds since the epoch, for relative times. */
  readonly now: number;
  /** The project that the command line names, for what is proposed. */
  readonly project?: string | undefined;
}

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

export type Style = keyof typeof codes;

/** `text` in a style where colours are wanted. */
export function paint(look: Look, style: Style, text: string): string {
  return look.color ? `\u001b[${codes[style]}m${text}\u001b[0m` : text;
}

const stateStyles: Readonly<Record<string, Style>> = {
  running: 'green',
  degraded: 'yellow',
  starting: 'yellow',
  frozen: 'cyan',
  error: 'red',
};

/** A machine's state in its colour. */
export function paintState(look: Look, state: string): string {
  const style = stateStyles[state];
  return style === undefined ? state : paint(look, style, state);
}

/**
 * Text of a machine, an image or an archive made harmless for a terminal: control characters,
 * which could move the cursor or set the title, become `?`.
 */
export function plain(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}

/** A stranger's text of several lines: as it is, and for a terminal harmless; tabs stay. */
export function plainLines(look: Look, text: string): string {
  if (look.width === undefined) return text;
  return text.replace(/[^\t\n]+/g, plain);
}

/**
 * A colour; any other control sequence (ECMA-48, 5.4); strings such as a title (8.3.89); other
 * controls.
 */
const ofConsole =
  /(\u001b\[[\d;]*m)|(\u001b\[[0-?]*[ -/]*[@-~]|\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\))|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/g;

/**
 * What a console said, for a terminal: colours and the ends of lines stay, and nothing of what
 * would move the cursor, change the terminal or have it answer.
 */
export function plainConsole(text: string): string {
  const harmless = text.replace(ofConsole, (_one, colour?: string, sequence?: string) => {
    return colour ?? (sequence === undefined ? '?' : '');
  });
  return `${harmless}\u001b[0m`;
}
