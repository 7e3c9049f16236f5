// Sums up what the stock lxc was made to do: `node coverage.mjs RECORD COVERAGE.md` prints the
// table, `--check` fails when the file says something else. The commands come from lxc's own help,
// what ran and how it ended from the record that the tests wrote.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';

/** Commands that warren has no sense for, and why. */
const without = {
  cluster: 'clusters: a warren is one user on one host',
  'config trust': 'clients over the network: the socket is the owner’s alone',
  'network acl': 'network ACLs',
  'network forward': 'addresses of the host’s own, which need root; proxy devices publish ports',
  'network peer': 'networks of the type ovn',
  'network zone': 'DNS zones',
  manpage: 'the client’s own',
  remote: 'the client’s own list of servers',
};

/** Every command of a program that lists its commands as Go's cobra does. */
function commandsOf(words) {
  const help = execFileSync('lxc', [...words, '--help', ...(words.length === 0 ? ['--all'] : [])], {
    encoding: 'utf8',
  });
  const section = /Available Commands:\n((?: {2}.*\n)+)/.exec(help)?.[1];
  if (section === undefined) return [words.join(' ')];
  const names = section
    .trim()
    .split('\n')
    .map((line) => line.trim().split(' ')[0]);
  return names.flatMap((name) => (name === 'help' ? [] : commandsOf([...words, name])));
}

function read(record) {
  const lines = readFileSync(record, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line));
}

function compose(record) {
  const commands = commandsOf([]);
  const runs = read(record);
  const isUsed = (command, words) => {
    const parts = command.split(' ');
    return parts.every((part, index) => words[index] === part);
  };
  const isIn = (command, group) => command === group || command.startsWith(`${group} `);
  const ran = (command) =>
    runs.filter(({ program, words }) => program === 'lxc' && isUsed(command, words));
  const groups = Object.entries(without);
  const left = commands.filter(
    (command) => ran(command).length > 0 || !groups.some(([group]) => isIn(command, group)),
  );
  const rows = left.map((command) => ({
    command,
    well: ran(command).some(({ exitCode }) => exitCode === 0),
    badly: ran(command).some(({ exitCode }) => exitCode !== 0),
  }));
  const covered = rows.filter(({ well, badly }) => well || badly);
  const mark = (is) => (is ? 'yes' : '-');
  const titles = [...new Set(runs.map(({ test }) => test))].sort();
  return [
    '# What the conformance suite covers',
    '',
    'Written by `test/conformance/coverage.mjs` from a run of the suite; do not edit. Each line is a command of the stock `lxc`',
    `5.0.2, run against a warren: well when it did what it is for, badly when it failed as it should. ${covered.length} of ${rows.length} commands ran.`,
    '',
    '| command | well | badly |',
    '|---|---|---|',
    ...rows.map(({ command, well, badly }) => `| ${command} | ${mark(well)} | ${mark(badly)} |`),
    '',
    'Left out, with the whole of each group where nothing of it stands above:',
    '',
    ...groups.map(([group, why]) => `- \`${group}\`: ${why}`),
    '',
    '## Tests',
    '',
    ...titles.map((title) => `- ${title}`),
    '',
  ].join('\n');
}

const [record, file, ...options] = process.argv.slice(2);
const wanted = compose(record);
if (options.includes('--check')) {
  if (readFileSync(file, 'utf8') !== wanted) {
    writeFileSync(`${file}.new`, wanted);
    console.error(`FAILED conformance: ${file} is not what this run covers; ${file}.new is`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, wanted);
}
