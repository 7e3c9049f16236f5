import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { TemplateCollector } from '../../../src/image/template/files.ts';
import { TemplateError } from '../../../src/image/template/error.ts';
import { renderTemplate } from '../../../src/image/template/render.ts';

const context = {
  trigger: 'create',
  path: '/etc/file',
  instance: { name: 'web', type: 'container', architecture: 'x86_64', privileged: 'false' },
  config: {
    'user.user-data': '#cloud-config\n',
    'user.big': 'x'.repeat(60_000),
    breaks: `${'\n'.repeat(60_000)}x`,
  },
  devices: { eth0: { type: 'nic' } },
  properties: { default: 'nothing to do' },
};
const render = (source: string): string => renderTemplate(source, context);

describe('renderTemplate', () => {
  it.each([
    ['plain { text } % #', 'plain { text } % #'],
    ['{{ container.name }}\n', 'web\n'],
    ['127.0.1.1\t{{instance.name}}', '127.0.1.1\tweb'],
    ['{{ config_get("user.user-data", properties.default) }}', '#cloud-config'],
    ['{{ config_get("user.vendor-data", properties.default) }}', 'nothing to do'],
    ["{{ config_get('user.none', 'single') }}", 'single'],
    ['a{# no {{ word }} of it #}b', 'ab'],
    ['{% if trigger == "create" %}new{% else %}old{% endif %}', 'new'],
    ['{% if trigger == "copy" %}1{% elif path == "/etc/file" %}2{% else %}3{% endif %}', '2'],
    ['{% if not properties.none and (1 == 1 || false) %}yes{% endif %}', 'yes'],
    ['{% if "default" in properties %}a{% if "x" in "abc" %}b{% endif %}{% endif %}', 'a'],
    ['{{ properties.none|default:"none"|upper }} {{ container.name|capfirst }}', 'NONE Web'],
    ['{{ devices.eth0.type }}{{ container.toString }}{{ config.constructor.name }}', 'nic'],
    ['a  {{- container.name -}}  b', 'awebb'],
    ['{{ "say \\"hi\\"" }} {{ 7 }} {{ true }}', 'say "hi" 7 True'],
    ['{{ config_get("user.network-config", "")|length }}', '0'],
  ])('makes of %j %j', (source, text) => {
    expect(render(source)).toBe(text);
  });

  it('renders the network configuration of Ubuntu’s images', () => {
    const source = `{% if config_get("user.network-config", "") == "" %}version: 1
config:
    - type: physical
      name: {% if instance.type == "virtual-machine" %}enp5s0{% else %}eth0{% endif %}
      subnets:
          - type: {% if config_get("user.network_mode", "") == "link-local" %}manual{% else %}dhcp{% endif %}
            control: auto{% else %}{{ config_get("user.network-config", "") }}{% endif %}
`;
    expect(render(source)).toBe(`version: 1
config:
    - type: physical
      name: eth0
      subnets:
          - type: dhcp
            control: auto
`);
  });

  it.each([
    '{% include "/etc/shadow" %}',
    '{% ssi "/etc/shadow" %}',
    '{% extends "x" %}',
    '{% for x in config %}{% endfor %}',
    '{% if a %}',
    '{% endif %}',
    '{% else %}',
    '{% if a %}{% else %}{% else %}{% endif %}',
    '{{ container.name',
    '{{ }}',
    '{{ a b }}',
    '{{ a. }}',
    '{{ exec("x") }}',
    '{{ a|nofilter }}',
    '{{ a[0] }}',
    '{{ 1 + 1 }}',
    '{{ config }}',
    '{{ "open }}',
    `${'{% if a %}'.repeat(21)}${'{% endif %}'.repeat(21)}`,
    `{{ ${'('.repeat(50)}a${')'.repeat(50)} }}`,
    `{{ ${'!'.repeat(50_000)}a }}`,
    `{{ ${'1||'.repeat(20_000)}1 }}`,
    '{{ "x" in config.breaks }}{{ config.breaks in "x" }}',
    '{{ config_get("user.big", "") }}'.repeat(20),
    'x'.repeat(64 * 1024 + 1),
  ])('refuses %s', (source) => {
    expect(() => render(source)).toThrow(TemplateError);
  });

  it('cuts the end of a text soon, whatever stands before it', () => {
    const before = performance.now();
    render('{% if config_get("breaks", "") == "" %}x{% endif %}'.repeat(100));
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it('refuses what changes long texts without end', () => {
    const source = `{{ config.breaks${'|upper|lower'.repeat(100)} }}`.repeat(50);
    expect(() => render(source)).toThrow('too much to do');
  });

  it('answers any text soon, with text or a reason', () => {
    const piece = fc.constantFrom(
      ...[
        '{{',
        '}}',
        '{%',
        '%}',
        '{#',
        '#}',
        'if ',
        'elif ',
        'else',
        'endif',
        'container',
        '.',
        '|',
      ],
      ...[
        'name',
        '"',
        "'",
        '\\',
        '(',
        ')',
        '!',
        '==',
        'in',
        'not ',
        ' ',
        '-',
        ':',
        ',',
        '9',
        'default',
      ],
    );
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 60 }), (pieces) => {
        try {
          expect(typeof render(pieces.join(''))).toBe('string');
        } catch (error) {
          expect(error).toBeInstanceOf(TemplateError);
          expect((error as Error).message).not.toMatch(/\p{Cc}/u);
        }
      }),
      { numRuns: 2000 },
    );
    const long = '{{ a|default:b|default:c }}{% if a == b %}x{% endif %}'.repeat(1000);
    const before = performance.now();
    render(long);
    expect(performance.now() - before).toBeLessThan(2000);
  });
});

describe('TemplateCollector', () => {
  const refuse = (problem: string): Error => new Error(problem);

  it('takes plain files with plain names', () => {
    const collector = new TemplateCollector();
    expect(collector.wants('a.tpl', { type: '0', size: 3 })).toBe(true);
    collector.add('a.tpl', Buffer.from('one'));
    expect(collector.wants('b.tpl', { type: '2', size: 0 })).toBe(false);
    expect(collector.wants('sub/c.tpl', { type: '0', size: 1 })).toBe(false);
    expect(collector.wants('__proto__', { type: '0', size: 1 })).toBe(false);
    expect(collector.files(refuse)).toEqual({ 'a.tpl': 'one' });
  });

  it('refuses what is too large, too many, or no text', () => {
    const large = new TemplateCollector();
    expect(large.wants('a', { type: '0', size: 64 * 1024 + 1 })).toBe(false);
    expect(() => large.files(refuse)).toThrow('64 KiB');
    const many = new TemplateCollector();
    for (let index = 0; index <= 200; index += 1) {
      if (many.wants(`t${index}`, { type: '0', size: 1 })) many.add(`t${index}`, Buffer.from('x'));
    }
    expect(() => many.files(refuse)).toThrow('more than 200');
    const binary = new TemplateCollector();
    binary.wants('b', { type: '0', size: 2 });
    binary.add('b', Buffer.from([0xff, 0xfe]));
    expect(() => binary.files(refuse)).toThrow('no text');
  });
});
