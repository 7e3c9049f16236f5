import { join } from 'node:path';
import { ESLint, Linter } from 'eslint';
import { describe, expect, test } from 'vitest';

import { guestPathFolders, guestPathRows } from '../lint/guest-paths.ts';

const root = join(import.meta.dirname, '../..');
const rule = 'no-restricted-syntax';

/** Selectors of the rows that find something in `code`. */
function found(code: string): string[] {
  return guestPathRows
    .filter(({ selector, message }) => {
      const messages = new Linter().verify(code, {
        rules: { [rule]: ['error', { selector, message }] },
      });
      expect(
        messages.filter(({ fatal }) => fatal),
        code,
      ).toEqual([]);
      return messages.length > 0;
    })
    .map(({ selector }) => selector);
}

describe('raw paths into a machine', () => {
  test.each(guestPathRows)('are found: $finds', ({ finds, selector }) => {
    expect(found(finds)).toEqual([selector]);
  });

  test.each([
    'files.readText(guestPath("/etc/passwd"));',
    'log.info(`mounted ${root} at last`);',
    'const text = `${root}: ${why}`;',
    'readFileSync(`${paths.logDir}/daemon.log`);',
    'join(paths.dataDir, "images");',
    'using files = storage.openFiles(root, slice);',
    'mount(storage.rootPath(id), options);',
    'const next = count + root;',
  ])('are told from what is harmless: %s', (code) => {
    expect(found(code)).toEqual([]);
  });

  test.each(guestPathFolders)('are errors in src/%s', { timeout: 60_000 }, async (folder) => {
    const eslint = new ESLint({ cwd: root });
    const config = (await eslint.calculateConfigForFile(join(root, `src/${folder}/x.ts`))) as {
      rules: Record<string, [number, ...{ selector: string }[]]>;
    };
    const [severity, ...rows] = config.rules[rule] ?? [0];
    expect(severity).toBe(2);
    const selectors = rows.map(({ selector }) => selector);
    expect(selectors).toEqual(
      expect.arrayContaining(guestPathRows.map(({ selector }) => selector)),
    );
    expect(selectors).toContain('TSEnumDeclaration');
  });
});
