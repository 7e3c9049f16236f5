import { importX } from 'eslint-plugin-import-x';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

import type { Linter } from 'eslint';

import { guestPathFolders, guestPathRows } from './test/lint/guest-paths.ts';
import { gateways, layers } from './test/lint/layers.ts';

const folders = Object.keys(layers) as (keyof typeof layers)[];

/** One block per source folder: the folders and gateway packages that it must not import. */
const layerRules = folders.map((folder): Linter.Config => {
  const allowed = new Set<string>([folder, ...layers[folder]]);
  const forbidden = folders.filter((other) => !allowed.has(other));
  return {
    files: [`src/${folder}/**/*.ts`],
    rules: {
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            ...forbidden.map((other) => ({
              regex: `^(\\.\\./)+${other}/`,
              message: `${folder} may not import ${other}: see test/lint/layers.ts`,
            })),
            ...Object.entries(gateways)
              .filter(([, homes]) => !homes.some((home) => home.split('/')[0] === folder))
              .map(([name, homes]) => ({
                regex: `^${name}(/|$)`,
                message: `${name} is imported only in ${homes.join(' and ')}`,
              })),
          ],
        },
      ],
    },
  };
});

const restrictedEverywhere = [
  { selector: 'TSEnumDeclaration', message: 'Use a const table' },
  { selector: 'ExportAllDeclaration', message: 'No barrels' },
];

export default defineConfig(
  globalIgnores(['dist/', 'node_modules/']),
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['src/setup/*.mjs'] } },
    },
    plugins: { 'import-x': importX },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        // A `using` binding is held for its disposal, not for its value.
        { varsIgnorePattern: '^_', argsIgnorePattern: '^_', ignoreUsingDeclarations: true },
      ],
      '@typescript-eslint/prefer-readonly': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      'max-lines': ['error', { max: 400 }],
      'no-restricted-syntax': ['error', ...restrictedEverywhere],
    },
  },
  ...layerRules,
  {
    files: guestPathFolders.map((folder) => `src/${folder}/**/*.ts`),
    rules: {
      'no-restricted-syntax': [
        'error',
        ...restrictedEverywhere,
        ...guestPathRows.map(({ selector, message }) => ({ selector, message })),
      ],
    },
  },
  { files: ['*.config.ts'], rules: { 'import-x/no-default-export': 'off' } },
  { files: ['**/*.mjs'], extends: [tseslint.configs.disableTypeChecked] },
);
