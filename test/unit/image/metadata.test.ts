import { describe, expect, it } from 'vitest';

import { WarrenError } from '../../../src/contract/errors.ts';
import { formatMetadata, namesNoTemplate, parseMetadata } from '../../../src/image/metadata.ts';

const parse = (text: string) => parseMetadata(Buffer.from(text), 'read the image');

/** Paths of what is wrong. */
function issuesOf(text: string): string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    if (!(error instanceof WarrenError)) throw error;
    expect(error.code).toBe('invalid');
    return (error.details as { issues: { path: string }[] }).issues.map(({ path }) => path);
  }
}

const good = 'architecture: amd64\ncreation_date: 1700000000\n';

describe('parseMetadata', () => {
  it('reads what LXD writes', () => {
    const metadata = parse(`${good}expiry_date: 1800000000
properties:
  os: Debian
  serial: 20240101
  secure: true
templates:
  /etc/hostname:
    when: [create, copy]
    template: hostname.tpl
    create_only: true
    properties: {a: b}
unknown: [1, 2]
`);
    expect(metadata).toEqual({
      architecture: 'x86_64',
      creationDate: 1_700_000_000,
      expiryDate: 1_800_000_000,
      properties: { os: 'Debian', serial: '20240101', secure: 'true' },
      templates: {
        '/etc/hostname': {
          when: ['create', 'copy'],
          template: 'hostname.tpl',
          createOnly: true,
          properties: { a: 'b' },
        },
      },
    });
    expect(parse(formatMetadata(metadata))).toEqual(metadata);
  });

  it('reports everything at once', () => {
    expect(
      issuesOf(`architecture: vax
creation_date: yesterday
expiry_date: -1
properties: {a: null, b: [1], "c\\nd": e}
templates:
  /x: null
  ../y: {when: [never], template: ../../etc/passwd, create_only: maybe}
`),
    ).toEqual([
      'metadata.yaml.architecture',
      'metadata.yaml.creation_date',
      'metadata.yaml.expiry_date',
      'metadata.yaml.properties',
      'metadata.yaml.properties.a',
      'metadata.yaml.properties.b',
      'metadata.yaml.templates./x',
      'metadata.yaml.templates.../y',
      'metadata.yaml.templates.../y.template',
      'metadata.yaml.templates.../y.when',
      'metadata.yaml.templates.../y.create_only',
    ]);
  });

  it('lets no key reach a prototype', () => {
    expect(issuesOf(`${good}properties:\n  __proto__: x\n`)).toHaveLength(1);
    const { properties } = parse(`${good}properties:\n  constructor: x\n  toString: y\n`);
    expect(Object.keys(properties)).toEqual(['constructor', 'toString']);
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['nothing', ''],
    ['a list', '- a\n'],
    ['no YAML', 'a: [b\n'],
    ['a key twice', `${good}architecture: x86_64\n`],
    ['a tag that asks for code', `${good}properties: !!js/function "x"\n`],
    ['more than 1 MiB', `${good}x: ${'y'.repeat(1024 * 1024)}\n`],
    [
      'a bomb of aliases',
      `${good}a: &a [x,x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]
`,
    ],
    ['nesting without end', `${good}a: ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`],
    [
      'too many properties',
      `${good}properties:\n${Array.from({ length: 1001 }, (_, n) => `  k${n}: v\n`).join('')}`,
    ],
  ])('refuses %s', (_title, text) => {
    expect(issuesOf(text).length).toBeGreaterThan(0);
  });

  it.each([
    ['keys', (n: number) => `k${n}: v\n`],
    ['anchors', (n: number) => `k${n}: &a${n} v\n`],
    ['lists', () => '- a\n'],
    ['open brackets', () => '[['],
    ['brackets', () => '[]'],
    ['maps', () => '{a: '],
    ['quotes', () => '"'],
    ['comments', () => '#\n'],
    ['spaces', () => ' '],
    ['line breaks', () => '\n'],
    ['documents', () => '---\n'],
    ['question marks', () => '? '],
    ['colons', () => ': '],
  ])(
    'gives up soon on nothing but %s',
    (_title, piece) => {
      let text = '';
      for (let n = 0; text.length < 1024 * 1024 - 100; n++) text += piece(n);
      const started = performance.now();
      expect(issuesOf(text).length).toBeGreaterThan(0);
      expect(performance.now() - started).toBeLessThan(10_000);
    },
    60_000,
  );
});

describe('namesNoTemplate', () => {
  it('knows it of what was written', () => {
    const metadata = parse(`${good}properties: {x: "a\\ntemplates: {}\\n"}\n`);
    expect(namesNoTemplate(formatMetadata(metadata))).toBe(true);
    const entry = { when: [], template: 'x', createOnly: false, properties: {} };
    const templates = { '/etc/x': entry };
    expect(namesNoTemplate(formatMetadata({ ...metadata, templates }))).toBe(false);
  });
});
