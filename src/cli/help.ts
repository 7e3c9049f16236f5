import { commands } from './commands.ts';
import { globalOptions, labelOf, usageLine } from './parse.ts';
import { commandNames, loadCommand } from './registry.ts';
import { paint, type Look } from './render/look.ts';

import type { AnyCommand, OptionRow } from './command.ts';

/** The order in which the overview tells what there is. */
const sections: readonly (readonly [title: string, names: readonly string[]])[] = [
  ['Machines', ['launch', 'list', 'shell', 'exec', 'stop', 'start', 'delete', 'info']],
  ['More of them', ['init', 'restart', 'pause', 'resume', 'copy', 'rename', 'console', 'file']],
  ['Settings', ['config', 'profile', 'network', 'storage', 'project']],
  ['Keeping', ['snapshot', 'restore', 'diff', 'history', 'export', 'import', 'publish', 'image']],
  [
    'warren itself',
    [
      'doctor',
      'daemon',
      'monitor',
      'operation',
      'warning',
      'alias',
      'query',
      'lxc-setup',
      'help',
      'completion',
      'version',
    ],
  ],
];

/** What a group is for; its commands say the rest. */
export const groupSummaries: Readonly<Record<string, string>> = {
  file: 'Copy files into and out of machines',
  config: 'Keys, devices and templates of a machine',
  'config device': 'Devices of a machine: disks, networks, published ports',
  'config metadata': 'What a machine remembers of its image',
  'config template': 'Files that are written when a machine is created, copied or started',
  profile: 'Settings that many machines share',
  'profile device': 'Devices that a profile gives its machines',
  image: 'What machines are made of',
  'image alias': 'Names of images',
  network: 'Bridges between machines and to the outside',
  storage: 'Where machines are kept, and volumes beside them',
  'storage volume': 'Files that outlive machines, or that several share',
  project: 'Sets of machines that are kept apart',
  daemon: 'The process behind the commands',
  operation: 'What the daemon is doing',
  warning: 'What the daemon found wrong on its own',
  alias: 'Commands of your own, from others',
};

/** `warren --help`. */
export async function formatOverview(look: Look): Promise<string> {
  const lines = [
    'warren runs full Linux systems as machines, for people who are not root.',
    '',
    example(look, 'warren launch debian/12 web', 'a running Debian, in a moment'),
    example(look, 'warren shell web', 'a root shell in it'),
    example(look, 'warren list', 'what there is'),
  ];
  for (const [title, names] of sections) {
    lines.push('', paint(look, 'bold', title));
    for (const name of names) lines.push(`  ${name.padEnd(12)} ${await summaryOf(name)}`);
  }
  lines.push(
    '',
    'warren COMMAND --help has examples for each; warren help TOPIC explains images, profiles, devices,',
    'networks, limits, policy, idmaps, snapshots and troubleshooting.',
  );
  return `${lines.join('\n')}\n`;
}

async function summaryOf(name: string): Promise<string> {
  return name in commands ? (await loadCommand(name)).summary : (groupSummaries[name] ?? '');
}

/** `warren config --help`: the commands below it. */
export async function formatGroup(group: string, look: Look): Promise<string> {
  const all = await Promise.all(commandNames(group).map(loadCommand));
  const width = Math.max(...all.map(({ name }) => name.length));
  const lines = [
    groupSummaries[group] ?? group,
    '',
    ...all.slice(0, 3).map(({ examples: [{ line, does }] }) => example(look, line, does)),
    '',
    ...all.map(({ name, summary }) => `  ${name.padEnd(width)}   ${summary}`),
    '',
    `warren ${group} COMMAND --help has examples for each.`,
  ];
  return `${lines.join('\n')}\n`;
}

/** `warren launch --help`: what it does, how it looks, the most used options, what comes next. */
export function formatHelp(command: AnyCommand, look: Look): string {
  const shown = Object.entries(command.options).filter(([, row]) => row.hidden !== true);
  const words = Object.entries(command.positionals);
  const lines = [
    command.summary,
    '',
    ...command.examples.map(({ line, does }) => example(look, line, does)),
    '',
    `${paint(look, 'bold', 'usage:')} ${usageLine(command)}${shown.length === 0 ? '' : ' [OPTION…]'}`,
    ...(command.details === undefined ? [] : ['', command.details]),
    ...(words.length === 0 ? [] : ['']),
    ...words.map(([name, row]) => entry(labelOf(name, row), row.summary)),
    ...optionBlock(look, 'Options', shown.slice(0, 3)),
    ...optionBlock(look, 'More options', shown.slice(3)),
    ...optionBlock(look, 'With every command', Object.entries(globalOptions)),
    ...(command.next === undefined ? [] : ['', `${paint(look, 'bold', 'next:')} ${command.next}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function optionBlock(
  look: Look,
  title: string,
  options: readonly (readonly [string, OptionRow])[],
): readonly string[] {
  if (options.length === 0) return [];
  return ['', paint(look, 'bold', title), ...options.map(([name, row]) => optionLine(name, row))];
}

function optionLine(name: string, row: OptionRow): string {
  const short = row.alias === undefined ? '    ' : `-${row.alias}, `;
  const value = row.kind === 'flag' ? '' : ` ${row.value ?? 'VALUE'}`;
  return entry(`${short}--${name}${value}`, row.summary);
}

function entry(left: string, right: string): string {
  return left.length > 29
    ? `  ${left}\n  ${''.padEnd(30)}${right}`
    : `  ${left.padEnd(29)} ${right}`;
}

function example(look: Look, line: string, does: string): string {
  return `  ${paint(look, 'dim', '$')} ${line.padEnd(52)} ${paint(look, 'dim', does)}`;
}
