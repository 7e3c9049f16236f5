import { policyFile } from '../contract/policy/policy.ts';

/**
 * What exit codes mean: those of the catalogue, and those of a command line that was never sent.
 */
export const exitMeanings: Readonly<Record<number, string>> = {
  0: 'it is done',
  1: 'a bug in warren',
  2: 'a command line that cannot be understood',
  3: 'a value that is not valid',
  4: 'something is not there',
  5: 'it exists already',
  6: 'it is in use',
  7: 'a machine is in the wrong state',
  8: 'something else is being done to it',
  9: 'not allowed: protected, or by policy',
  10: 'it changed meanwhile',
  11: 'not supported',
  12: 'the host lacks what is needed',
  13: 'the disk is full',
  14: 'what a machine or an archive holds is refused',
  15: 'it took too long',
  16: 'cancelled',
  17: 'a program that warren runs failed',
  18: 'the daemon cannot be reached',
  19: 'root is refused',
};

function exitText(): string {
  const cells = Object.entries(exitMeanings).map(([code, text]) => `${code.padStart(4)}  ${text}`);
  const half = Math.ceil(cells.length / 2);
  return cells
    .slice(0, half)
    .map((left, index) => `${left.padEnd(48)}${cells[half + index] ?? ''}`.trimEnd())
    .join('\n');
}

/** Texts of `warren help TOPIC`. Key tables are printed from the registry that validates them. */
export interface Topic {
  readonly text: string;
  /** A table of keys below the text. */
  readonly keys?: 'limits' | 'devices' | 'snapshots' | 'idmaps' | 'networks';
}

export const topics: Readonly<Record<string, Topic>> = {
  images: {
    text: `An image is what a machine is made of: a root file system with a few words about it.

  $ warren launch debian/12 web              built here the first time, instant after that
  $ warren image list --available            what there is, and what can be built
  $ warren image import rootfs.tar.xz --alias mine
  $ warren publish web --alias web-golden    an image of a stopped machine

debian/12 has what a person expects (an init, dbus, network, the usual tools); debian/12/minimal has
little more than an init; busybox starts in an instant. An image is known by its fingerprint, the
sha256 of its file, of which any unmistakable beginning will do, and by aliases that you may move.
Machines share their image: launching is a mount, not a copy, and a deleted image stays on disk
until no machine stands on it. What was built here stays until you delete it; what a launch fetched
from a server goes after ten days without use, or as images.remote_cache_expiry says.

Servers are asked through http_proxy and https_proxy, but for what no_proxy names, as they were where
warren was started; warren daemon stop --machines ends it whole, and the next command starts it anew.

next: warren help snapshots`,
  },
  profiles: {
    text: `A profile is a named set of config keys and devices that many machines share.

  $ warren profile list
  $ warren launch debian/12 anna -p student
  $ warren profile add web strict
  $ warren config show web --expanded        what it comes to in the end

A machine has a list of profiles, "default" when you say nothing. Later ones win over earlier ones,
and what is set on the machine itself wins over all. Config is merged key by key, devices whole: a
device of the same name replaces the earlier one, and one of type none hides it. Changing a profile
changes its machines at once where a key is live, otherwise at their next start.

next: warren help devices`,
  },
  devices: {
    text: `A device is what a machine has of the host: a disk, a network, a published port, a device node.

  $ warren config device add web http proxy listen=tcp:127.0.0.1:8080 connect=tcp:127.0.0.1:80
  $ warren config device add web src disk source=/home/me/src path=/src
  $ warren config device override web eth0 ipv4.address=10.77.0.5
  $ warren config device remove web http
  $ warren storage volume create default data
  $ warren storage volume attach default data web /srv/data

Devices come and go while the machine runs; what it has open of a removed disk it keeps until it lets
go. A device that a profile gives is copied to the machine by override before you change it there.

A storage volume is a directory that warren keeps beside machines: it outlives them, several may have
it, and its files belong to the ids of the machine that has it. Machines that run have it together only
when they share their ids (security.idmap.isolated=false). Snapshots and copies of it are made while
the machines that have it stand still.`,
    keys: 'devices',
  },
  networks: {
    text: `Each machine is on a bridge of your own, warrenbr0, with an address from DHCP and a name.

  $ warren network list
  $ warren network list-leases warrenbr0
  $ warren launch debian/12 web -d eth0,ipv4.address=10.77.0.5
  $ warren config device add web http proxy listen=tcp:127.0.0.1:8080 connect=tcp:127.0.0.1:80
  $ warren network create lab
  $ warren network attach lab web            one more interface, which the machine brings up itself

Machines reach each other by name (ping db) and the outside through the host; they do not reach what
listens on the host's 127.0.0.1. The host reaches a machine through a proxy device, which listens on
127.0.0.1 unless told otherwise, or by warren exec. Keys of a network:`,
    keys: 'networks',
  },
  limits: {
    text: `Limits hold a machine to a share of the host. They change on a running machine.

  $ warren config set web limits.memory=1GiB limits.cpu=2
  $ warren profile set lab limits.processes=500
  $ warren doctor cgroup                     which limits this host can hold

  $ warren config device set web root limits.read=20MB limits.write=500iops
  $ warren info web                          what the kernel holds it to now

A limit that this host cannot hold is an error at start, not a silence: the kernel's controllers
belong to root until an administrator hands them down, once; warren doctor cgroup prints the lines.
Huge pages are held only where root delegates a cgroup by hand: systemd hands hugetlb to nobody.

limits.cpu=2 is the time of two CPUs, and programs inside count two. A set such as 0-1 pins the
machine to them. Where lxcfs runs (warren doctor lxcfs), free(1) and uptime(1) inside show the
machine's own memory and time; not with security.nesting, which needs /proc as it is, and not those
of busybox, which do not look there. limits.kernel.* are the limits of setrlimit(2) for all that runs
inside, and take effect at the next start, as linux.sysctl.* does: those that a machine has for itself
(net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm*), with values that the kernel takes, or the
machine does not start. Rates of a disk hold for the block device below it: disks that share one share
the tighter rate, and a file system on none (tmpfs, a network) is an error.`,
    keys: 'limits',
  },
  idmaps: {
    text: `Root in a machine is nobody on the host: every id of a machine is one of your subordinate ids.

  $ warren info web                          which ids it has
  $ warren config set web security.idmap.isolated=true
  $ warren config set web security.idmap.size=compact
  $ warren config set web raw.idmap="both 1000 1000"
  $ warren doctor subids                     what you were granted

A machine takes 65,536 ids. With a grant for more than one machine each has ids of its own and none
can touch the files of another; with the usual grant of 65,536 they share them, or up to eight have
some of it each: compact is 0 to 2999, 65534 (nobody) and what systemd gives to services, 61184 to
65519. Your own id is never in a machine unless raw.idmap puts it there, which is how a project
directory is shared with it. Put it where the machine has no files yet: those that it has of that id
are nobody's for as long, and its root (0) is refused.

A machine that is to have other ids gets them with its next start: its files, its snapshots and what
it keeps outside of them are copied for these, as much as they are. Ids that cannot be had are refused
when they are asked for. A grant may grow, which warren takes up when it starts anew (warren daemon
stop --machines); machines whose ids are taken out of it do not start.`,
    keys: 'idmaps',
  },
  policy: {
    text: `An administrator of a shared host may say what machines of its users can be, in ${policyFile}:

machines: 5                          # most machines of one user
each: { memory: 2GiB, cpu: 2, processes: 2000, disk: 20GiB }
together: { memory: 6GiB, cpu: 4 }   # of all machines of one user added up, stopped ones too
force: { security.idmap.isolated: 'true' }
deny: [raw.idmap, 'linux.sysctl.*']  # keys no machine may set
devices:
  types: [disk, nic, proxy]
  paths: [/srv/share, '/home/{user}']
  listen: [127.0.0.1]
images: ['debian/*', publish]        # recipes, import, publish, or fingerprints

Everything may be left out; an empty list allows nothing. The rules are held against what a machine
comes to with all its profiles, whenever it is created, copied, changed, restored or started and when
a profile that it has is edited. A forced key wins over every profile. A ceiling must be met by a limit
that the host can hold; disk counts the size of storage volumes as well, which must have one then. The
file and its directories must be root's alone, or nothing is made or started.

  $ warren info                              shows the rules that hold here
  $ warren doctor policy                     whether they can be relied on

A copy to begin with lies in profiles/policy.example of warren's tree.`,
  },
  snapshots: {
    text: `A snapshot keeps a machine as it is now; restoring brings it back.

  $ warren snapshot web before-upgrade
  $ warren restore web before-upgrade
  $ warren diff web/before-upgrade       A added, M modified, D deleted, T of another type
  $ warren history web
  $ warren info web/before-upgrade       when it was taken, and how long it is kept
  $ warren copy web/before-upgrade trial
  $ warren config set web snapshots.schedule=@daily snapshots.expiry=2w

Of a stopped machine it costs nothing: its files become a layer that it goes on top of. A running
one is frozen for the moment of the copy. Restoring and copying take no time either way. Two things
behave as they never did before: a directory older than the last snapshot cannot be renamed in one
step (programs copy it instead), and writing to one name of a hard-linked file leaves the others.
Storage volumes and directories of the host are part of none: warren storage volume snapshot.

  $ warren export web                    writes web.tar.zst: the machine and its snapshots
  $ warren import web.tar.zst web2       here or elsewhere; exports of LXD and Incus do as well

Where security.nesting is true, /var/lib/docker, /var/lib/containers and /var/lib/containerd are part
of no snapshot, copy, export or published image: a restore leaves them as they are, a copy starts with empty
ones. Save what inner containers keep there by their own means, such as docker save.`,
    keys: 'snapshots',
  },
  troubleshooting: {
    text: `When something does not work, ask in this order:

  $ warren doctor                            can this host run machines? what is missing, what mends it
  $ warren info web                          is it well? what happened last?
  $ warren console web --show-log            what it said while it booted
  $ warren daemon status                     is the daemon there, and with what?
  $ warren daemon logs                       what it did and what it could not do
  $ warren monitor                           what happens now
  $ warren doctor --storage                  do layers, references and directories agree? --repair mends
  $ warren --debug list                      every call to the API and its answer

The daemon may be restarted at any time (warren daemon restart): machines do not notice. "degraded"
in warren list means that the machine booted with failed units: warren exec web -- systemctl --failed
names them. Above some fourteen machines with systemd the host's fs.inotify.max_user_instances is the
usual reason; warren doctor limits prints the line that raises it.

A command that failed says why by its exit code as well; with exec and shell it is the command's own, 126
or 127 where that could not be run, 128 + n where signal n ended it.

${exitText()}`,
  },
};

/** A topic with its keys. */
export async function formatTopic({ text, keys }: Topic): Promise<string> {
  return keys === undefined ? text : `${text}\n\n${await formatKeys(keys)}`;
}

interface Row {
  readonly key: string;
  readonly summary: string;
  readonly default?: string;
}

async function formatKeys(which: Exclude<Topic['keys'], undefined>): Promise<string> {
  if (which === 'devices') {
    const { deviceTypes } = await import('../contract/config/device-keys.ts');
    return deviceTypes
      .map(({ type, summary, keys }) => `${type}: ${summary}\n${formatRows(keys)}`)
      .join('\n\n');
  }
  if (which === 'networks') {
    const { networkKeys } = await import('../contract/config/network-keys.ts');
    return formatRows(networkKeys);
  }
  const { instanceKeys } = await import('../contract/config/instance-keys.ts');
  const wanted = { limits: /limits\./, snapshots: /^snapshots\./, idmaps: /idmap/ }[which];
  return formatRows(instanceKeys.filter(({ key }) => wanted.test(key)));
}

const keyColumns = 30;
const summaryColumns = 76;

function formatRows(rows: readonly Row[]): string {
  return rows
    .map((row) => {
      const value = row.default === undefined ? '' : ` (${row.default})`;
      const lines = wrap(`${row.summary}${value}`, summaryColumns);
      return `  ${row.key.padEnd(keyColumns)} ${lines.join(`\n${' '.repeat(keyColumns + 3)}`)}`;
    })
    .join('\n');
}

/** Lines of whole words, none longer than `width` unless a word is. */
function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word);
  }
  return lines;
}
