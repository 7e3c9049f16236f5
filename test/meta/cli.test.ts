import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { build } from 'esbuild';
import { beforeAll, describe, expect, test } from 'vitest';

import { scripts } from '../../src/cli/completion/scripts.ts';
import { commands } from '../../src/cli/commands.ts';
import { formatGroup, formatHelp, formatOverview } from '../../src/cli/help.ts';
import { parseArguments } from '../../src/cli/parse.ts';
import { elsewhere, findCommand, loadCommand } from '../../src/cli/registry.ts';
import { exitMeanings, formatTopic, topics } from '../../src/cli/topics.ts';
import { catalogue } from '../../src/contract/errors.ts';
import { exampleWords, splitWords } from '../unit/cli/words.ts';

import type { AnyCommand } from '../../src/cli/command.ts';

const root = join(import.meta.dirname, '../..');
const look = { color: false, width: 80, now: 0 };
const names = Object.keys(commands);

describe.each(names)('warren %s', (name) => {
  let command: AnyCommand;
  beforeAll(async () => {
    command = await loadCommand(name);
  });

  test('goes by the name it is listed under', () => {
    expect(command.name).toBe(name);
  });

  test('is summed up in a line without a full stop', () => {
    expect(command.summary).toMatch(/^[A-Zw][^\n]{8,84}[^.\s]$/);
  });

  test('has examples that parse as this command', () => {
    for (const { line, does } of command.examples) {
      expect(does).not.toBe('');
      const { words } = exampleWords(line);
      const found = findCommand(words);
      expect(found, line).toMatchObject({ kind: 'command', name });
      parseArguments(command, found.words);
    }
  });

  test('names a next command that exists', () => {
    const words = splitWords(command.next ?? '').slice(1);
    expect(words.length).toBeGreaterThan(0);
    if (words[0] !== '--help') expect(findCommand(words).kind).toBe('command');
  });

  test('describes all its words and options, with short names used once', () => {
    const rows = [...Object.values(command.positionals), ...Object.values(command.options)];
    for (const { summary } of rows) expect(summary).toMatch(/^\S.*[^.\s]$/s);
    const letters = Object.values(command.options).flatMap(({ alias }) => alias ?? []);
    expect(new Set(letters).size).toBe(letters.length);
    for (const letter of letters) expect(letter).toMatch(/^[A-Za-z]$/);
  });

  test('has help that begins with what it does and an example', () => {
    const lines = formatHelp(command, look).split('\n');
    expect(lines[0]).toBe(command.summary);
    expect(lines[2]).toContain(`$ ${command.examples[0].line}`);
    expect(lines.at(-2)).toBe(`next: ${command.next ?? ''}`);
  });
});

test.each(Object.entries(elsewhere))('"%s" is no command, and "%s" is one', (there, here) => {
  expect(() => findCommand(there.split(' '))).toThrow(`here it is "${here}"`);
  expect(['command', 'group']).toContain(findCommand(here.split(' ')).kind);
});

describe('help', () => {
  test('shows every command, by itself or through its group', async () => {
    const overview = await formatOverview(look);
    const groups = new Set(names.map((name) => name.split(' ')[0] ?? ''));
    // `move` is `rename` for those who know it from lxc.
    groups.delete('move');
    for (const word of groups) expect(overview).toMatch(new RegExp(`^  ${word} `, 'm'));
    for (const group of groups) {
      if (group in commands) continue;
      const text = await formatGroup(group, look);
      for (const name of names) if (name.startsWith(`${group} `)) expect(text).toContain(name);
    }
  });

  test('has the topics it promises, and their commands exist', async () => {
    expect(Object.keys(topics)).toEqual([
      'images',
      'profiles',
      'devices',
      'networks',
      'limits',
      'idmaps',
      'policy',
      'snapshots',
      'troubleshooting',
    ]);
    for (const topic of Object.values(topics)) {
      const text = await formatTopic(topic);
      for (const line of text.split('\n')) expect(line.length, line).toBeLessThan(112);
      for (const [, line = ''] of text.matchAll(/^ {2}\$ (warren .*?)(?: {2,}.*)?$/gm)) {
        const { words } = exampleWords(line.replace(/ --debug/, ''));
        const found = findCommand(words);
        expect(found.kind, line).toBe('command');
        parseArguments(await loadCommand(found.name), found.words);
      }
    }
  });
});

test('every exit code of the catalogue is told, and no other but success and usage', () => {
  const codes = new Set(Object.values(catalogue).map(({ exit }) => exit));
  expect(Object.keys(exitMeanings).map(Number)).toEqual([0, 2, ...codes].sort((a, b) => a - b));
});

test.each(['bash', 'zsh', 'fish'] as const)('the completion script for %s is one', (shell) => {
  const directory = mkdtempSync(join(tmpdir(), 'completion-'));
  const file = join(directory, shell);
  writeFileSync(file, scripts[shell]);
  const { error, status, stderr } = spawnSync(shell, ['-n', file], { encoding: 'utf8' });
  rmSync(directory, { recursive: true });
  // Not every host has every shell; bash is everywhere.
  if (error !== undefined && shell !== 'bash') return;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('the CLI loads nothing that takes long to load', async () => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ['src/bin/warren.ts'],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    logLevel: 'silent',
  });
  const imports = Object.values(metafile.inputs).flatMap((input) => input.imports);
  const packages = imports.filter(({ external }) => external === true);
  const eager = packages.filter(({ kind }) => kind === 'import-statement').map(({ path }) => path);
  const others = eager.filter((path) => !path.startsWith('node:'));
  expect(new Set(others)).toEqual(new Set(['yargs/helpers']));
  const late = packages.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path);
  expect(new Set(late.filter((path) => !path.startsWith('node:')))).toEqual(
    new Set(['ws', 'yaml']),
  );
});
