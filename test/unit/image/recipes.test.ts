import { describe, expect, it } from 'vitest';

import { BuildProgress } from '../../../src/image/build/progress.ts';
import { isStaticElf } from '../../../src/image/build/busybox.ts';
import { listRecipes, parseAlias, recipeFor } from '../../../src/image/recipes/aliases.ts';
import { parseDeb822Sources, parseOneLineSources } from '../../../src/image/recipes/apt-sources.ts';
import { planMirror } from '../../../src/image/recipes/mirror.ts';
import { suites } from '../../../src/image/recipes/suites.ts';

const aliasOf = (text: string) => {
  const source = parseAlias(text, 'x86_64');
  return source === undefined ? undefined : recipeFor(source).alias;
};

describe('aliases', () => {
  it.each([
    ['debian/12', 'debian/12'],
    ['Debian/Bookworm', 'debian/12'],
    ['debian/bookworm/minimal', 'debian/12/minimal'],
    ['debian/12/amd64', 'debian/12'],
    ['debian/12/minimal/x86_64', 'debian/12/minimal'],
    ['debian/sid', 'debian/sid'],
    ['ubuntu/24.04', 'ubuntu/24.04'],
    ['ubuntu/noble/minimal', 'ubuntu/24.04/minimal'],
    ['debian/12/runit', 'debian/12/runit'],
    ['busybox', 'busybox'],
    ['busybox/amd64', 'busybox'],
  ])('%s is %s', (text, alias) => {
    expect(aliasOf(text)).toBe(alias);
  });

  it.each([
    'debian',
    'debian/',
    'debian/99',
    'debain/12',
    'debian/12/arm64',
    'debian/12/huge',
    'ubuntu/24.04/runit',
    'debian/12/minimal/more',
    'busybox/12',
    '',
    '/',
    'debian/../12',
    'debian/12/__proto__',
    'constructor',
  ])('%j is none', (text) => {
    expect(aliasOf(text)).toBeUndefined();
  });

  it('name every listed recipe', () => {
    const recipes = listRecipes();
    expect(recipes.length).toBeGreaterThan(10);
    for (const { alias, packages } of recipes) {
      expect(aliasOf(alias)).toBe(alias);
      expect(packages.length).toBeGreaterThan(0);
    }
  });
});

const suite = (codename: string) => {
  const found = suites.find((one) => one.codename === codename);
  if (found === undefined) throw new Error(codename);
  return found;
};

describe('the mirror', () => {
  const deb822 = `# comment
Types: deb deb-src
URIs: https://mirror.example/debian/
Suites: bookworm bookworm-updates
# between
Components: main contrib
Signed-By: /usr/share/keyrings/k.gpg

Types: deb
URIs: https://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: https://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: https://other.example/x
Suites: ./
`;

  it('is what the host uses, from deb822', () => {
    const { lines } = planMirror(suite('trixie'), parseDeb822Sources(deb822));
    expect(lines).toEqual([
      'deb https://mirror.example/debian trixie main',
      'deb https://mirror.example/debian trixie-updates main',
      'deb https://mirror.example/security trixie-security main',
    ]);
  });

  it('is what the host uses, from one-line sources', () => {
    const text = `# deb http://no.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib # why
deb cdrom:[x]/ bookworm main
deb-src http://src.example/debian bookworm main
deb https://download.docker.example/linux bookworm stable
`;
    const sources = parseOneLineSources(text);
    expect(sources[0]).toEqual({
      uris: ['http://one.example/debian'],
      suites: ['bookworm'],
      components: ['main', 'contrib'],
      signedBy: '/k.gpg',
    });
    expect(planMirror(suite('bookworm'), sources).lines).toEqual([
      'deb http://one.example/debian bookworm main',
      'deb http://one.example/debian bookworm-updates main',
    ]);
  });

  it('is the distribution’s own where the host has none', () => {
    const sources = parseDeb822Sources(deb822);
    expect(planMirror(suite('noble'), sources).lines[0]).toMatch(/^deb http:\/\/\S+ubuntu noble /);
    expect(planMirror(suite('bookworm'), []).lines).toHaveLength(3);
    expect(planMirror(suite('sid'), []).lines).toHaveLength(1);
  });

  it('is never a file of the host or a URI with a password', () => {
    const local = parseOneLineSources(
      'deb file:///srv/debian bookworm main\ndeb http://me:secret@m.example/debian bookworm main\n',
    );
    expect(planMirror(suite('bookworm'), local)).toEqual(planMirror(suite('bookworm'), []));
  });
});

describe('BuildProgress', () => {
  it('goes forward from mmdebstrap’s and apt’s own lines', () => {
    const progress = new BuildProgress();
    const lines = [
      'I: running apt-get update...',
      'Get:1 http://m bookworm InRelease [151 kB]',
      'I: downloading packages with apt...',
      '0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded.',
      'Get:1 http://m/debian bookworm/main amd64 dash amd64 1 [1 kB]',
      'Get:2 http://m/debian bookworm/main amd64 sed amd64 1 [1 kB]',
      'I: extracting archives...',
      'I: installing essential packages...',
      'Unpacking dash (1) ...',
      'Setting up dash (1) ...',
      'I: installing remaining packages inside the chroot...',
      '0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.',
      'Get:1 http://m/debian bookworm/main amd64 dbus amd64 1 [1 kB]',
      'Unpacking dbus (1) ...',
      'Setting up dbus (1) ...',
      'I: cleaning package lists and apt cache...',
    ];
    const reports = lines.flatMap((line) => progress.line(line) ?? []);
    const percents = reports.map(({ percent }) => percent ?? -1);
    expect(percents).toEqual([...percents].sort((a, b) => a - b));
    expect(percents.at(-1)).toBe(98);
    const essential = reports.filter(({ stage }) => stage === 'installing essential packages');
    expect(new Set(essential.map(({ percent }) => percent)).size).toBe(3);
    expect(new Set(reports.map(({ stage }) => stage))).toEqual(
      new Set([
        'fetching package lists',
        'downloading packages',
        'extracting packages',
        'installing essential packages',
        'installing packages',
        'cleaning up',
      ]),
    );
  });
});

describe('isStaticElf', () => {
  it('is false for scripts, noise and this very program', async () => {
    const { readFile } = await import('node:fs/promises');
    expect(isStaticElf(Buffer.from('#!/bin/sh\n'))).toBe(false);
    expect(isStaticElf(Buffer.alloc(64, 0xff))).toBe(false);
    expect(isStaticElf(await readFile(process.execPath))).toBe(false);
  });
});
