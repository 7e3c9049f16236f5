/** Puts chunks of text together again and calls back for each whole line. */
export function lineSplitter(onLine: (line: string) => void): (chunk: string) => void {
  let rest: string[] = [];
  return (chunk) => {
    const [first = '', ...more] = chunk.split('\n');
    rest.push(first);
    for (const part of more) {
      const line = rest.join('');
      rest = [part];
      if (line !== '') onLine(line);
    }
  };
}
