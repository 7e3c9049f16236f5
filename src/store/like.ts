/** A LIKE pattern (with `ESCAPE '\'`) for values that begin with exactly this text. */
export function likePrefix(text: string): string {
  return `${text.replace(/[\\%_]/g, '\\$&')}%`;
}
