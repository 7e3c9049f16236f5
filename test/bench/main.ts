import { statSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { judge } from './goals.ts';
import { measureHeldData } from './held-data.ts';
import { openHost, type Host } from './host.ts';
import { provideImage, type Image } from './image.ts';
import { Unavailable, type Peer } from './peer.ts';
import { cpPeer } from './peers/cp.ts';
import { crunPeer } from './peers/crun.ts';
import { lxcPeer } from './peers/lxc.ts';
import { lxdPeer } from './peers/lxd.ts';
import { nodePeer } from './peers/node.ts';
import { podmanPeer } from './peers/podman.ts';
import { warrenCommand, warrenPeer } from './peers/warren.ts';
import { formatTable, formatVerdicts } from './report.ts';
import { runRound, type Bench } from './rounds.ts';
import { rows, type RowId } from './rows.ts';
import { Samples } from './samples.ts';
import { measureSlices } from './slices.ts';
import { measureLists, measureStanding } from './standing.ts';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    only: { type: 'string', multiple: true, default: [] },
    peers: { type: 'string' },
    list: { type: 'string', default: '1,100,1000' },
    json: { type: 'string' },
    'install-peers': { type: 'boolean' },
    // What run.sh says.
    account: { type: 'string', default: '' },
    home: { type: 'string', default: '' },
    work: { type: 'string', default: '' },
    state: { type: 'string', default: '' },
    'lxd-pid': { type: 'string', default: '0' },
  },
});

const rowIds = Object.keys(rows) as RowId[];
const standingRows: readonly RowId[] = ['memory', 'processes', 'disk', 'disk-booted'];
const listRows: readonly RowId[] = ['list', 'lxc-list', 'list-full'];
const sliceRows: readonly RowId[] = [
  'slice-first',
  'slice-next',
  'slice-shared',
  'slice-next-launch',
  'slice-shared-launch',
  'slice-disk',
  'slice-share',
];
const heldRows: readonly RowId[] = ['held-snapshot', 'held-restore', 'held-copy'];
const otherRows: readonly RowId[] = [
  ...['version' as const, ...listRows, ...standingRows],
  ...[...sliceRows, ...heldRows],
];
const lifeRows: readonly RowId[] = rowIds.filter((id) => !otherRows.includes(id));

const controller = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
  process.on(signal, () => {
    controller.abort(new Error(`interrupted by ${signal}`));
  });

try {
  await main();
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = controller.signal.aborted ? 130 : 1;
}

async function main(): Promise<void> {
  const wanted = new Set(options.only.length === 0 ? rowIds : options.only.map(readRow));
  const sizes = options.list.split(',').map((text) => readCount('--list', text));
  const rounds = readCount('--rounds', options.rounds);
  const home = statSync(options.home);
  const host = openHost({
    uid: home.uid,
    gid: home.gid,
    home: options.home,
    work: options.work,
    state: options.state,
    lxdPid: Number(options['lxd-pid']),
  });
  const samples = new Samples(wanted);
  let said = '';
  const bench: Bench = {
    host,
    samples,
    signal: controller.signal,
    say: (text) => {
      if (text !== said) process.stderr.write(`${text}\n`);
      said = text;
    },
  };
  const wants = (ids: readonly RowId[]): boolean => ids.some((id) => wanted.has(id));

  const prepared: Peer[] = [];
  const broken = new Set<Peer>();
  try {
    const { image, chosen } = choosePeers(host);
    for (const peer of chosen) {
      bench.say(`preparing ${peer.name}`);
      controller.signal.throwIfAborted();
      try {
        await peer.prepare();
        prepared.push(peer);
      } catch (error) {
        // Half prepared is closed like prepared; a peer that cannot run is a note, not a failure.
        if (!(error instanceof Unavailable)) prepared.push(peer);
        samples.note(`${peer.name}: not measured: ${(error as Error).message}`);
        if (!(error instanceof Unavailable)) broken.add(peer);
      }
    }
    const peers = prepared.filter((peer) => !broken.has(peer));
    if (wants(['version', ...lifeRows])) {
      // What a first machine costs more, such as a pool's copy of the image, is nobody's figure.
      const unheard = { ...bench, samples: new Samples(new Set()) };
      await runRound(unheard, peers, 0, wants(lifeRows));
      for (const note of unheard.samples.notes) samples.note(note);
      for (let round = 1; round <= rounds; round++)
        await runRound(bench, peers, round, wants(lifeRows));
    }
    if (wants(standingRows)) await measureStanding(bench, peers);
    const [warren] = peers;
    if (wants(sliceRows) && warren !== undefined)
      await measureSlices(bench, warren, image, warrenCommand(host));
    if (wants(heldRows) && warren !== undefined)
      await measureHeldData(bench, warren, warrenCommand(host));
    if (wants(listRows)) await measureLists(bench, peers, sizes);
    print(samples, peers);
  } finally {
    for (const peer of prepared.reverse())
      try {
        await peer.close();
      } catch (error) {
        bench.say(`${peer.name}: cannot clean up: ${(error as Error).message}`);
        process.exitCode = 1;
      }
  }
}

/** Warren comes first: the image that it builds is what the others start from. */
function choosePeers(host: Host): { readonly image: Image; readonly chosen: readonly Peer[] } {
  const warren = warrenPeer(host);
  const image = provideImage(host, warrenCommand(host));
  const all = [
    warren,
    lxdPeer(host, image, 'dir'),
    lxdPeer(host, image, 'btrfs'),
    lxcPeer(host, image, options.account),
    podmanPeer(host, image),
    crunPeer(host, image, options.account),
    cpPeer(host, image),
    nodePeer(host),
  ];
  const names = options.peers?.split(',');
  for (const name of names ?? [])
    if (!all.some((peer) => peer.name === name))
      throw new Error(`no peer "${name}"; there are: ${all.map((peer) => peer.name).join(', ')}`);
  const chosen = all.filter((peer) => peer === warren || (names?.includes(peer.name) ?? true));
  return { image, chosen };
}

function print(samples: Samples, peers: readonly Peer[]): void {
  const write = (text: string): void => {
    process.stdout.write(text === '' ? '' : `${text}\n\n`);
  };
  write(formatTable(samples, peers));
  write(
    'Medians; N× is how many times warren’s figure, compared within rounds. A dash is a row that the peer does not have.',
  );
  write(peers.map(({ name, about }) => `${name}: ${about}`).join('\n'));
  write(samples.notes.join('\n'));
  write(formatVerdicts(judge(samples)));
  if (options.json !== undefined)
    writeFileSync(
      options.json,
      `${JSON.stringify({ peers: peers.map(({ name, about }) => ({ name, about })), notes: samples.notes, lines: samples }, null, 2)}\n`,
    );
}

function readRow(text: string): RowId {
  const row = rowIds.find((id) => id === text);
  if (row === undefined) throw new Error(`no row "${text}"; there are: ${rowIds.join(', ')}`);
  return row;
}

function readCount(option: string, text: string): number {
  if (!/^[1-9]\d{0,4}$/.test(text)) throw new Error(`${option} wants whole numbers, not "${text}"`);
  return Number(text);
}
