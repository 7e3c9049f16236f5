import type { HostPath } from '../../base/brand.ts';
import { endOfArchive, formatEntry } from '../archive/writer.ts';
import type { GuestChanges } from '../recipes/guest/entries.ts';
import { childFailure, throwIfCancelled } from '../sandbox/failure.ts';
import type { Sandbox } from '../sandbox/sandbox.ts';
import { sandboxTree } from '../sandbox/spec.ts';
import type { SliceIds } from '../slice.ts';

export interface ChangesInput {
  readonly what: string;
  readonly target: HostPath;
  readonly slice: SliceIds;
  readonly changes: GuestChanges;
  /** Seconds, of everything that is made. */
  readonly mtime: number;
}

/**
 * Applies changes to a tree as its own root, confined like everything that touches one: packages
 * have put links there that could lead out.
 */
export async function applyChanges(
  sandbox: Sandbox,
  { what, target, slice, changes, mtime }: ChangesInput,
  signal: AbortSignal,
): Promise<void> {
  const mounts = [{ source: target, destination: sandboxTree, readonly: false }];
  const start = (command: readonly string[]) =>
    sandbox.start(
      { kind: 'files', command, ids: slice, mounts },
      { stdin: command[0] === 'tar' ? 'pipe' : 'ignore', signal },
    );
  const finish = async (
    child: Awaited<ReturnType<typeof start>>,
    program: string,
    okExitCodes: readonly number[] = [0],
  ) => {
    child.stdout.resume();
    const end = await child.ended;
    throwIfCancelled(signal, what);
    const isOk = end.exitCode !== undefined && okExitCodes.includes(end.exitCode);
    if (!isOk) throw childFailure(end, { what, program, where: target });
  };

  if (changes.removals.length > 0) {
    const paths = changes.removals.map((path) => `${sandboxTree}/${path}`);
    await finish(await start(['rm', '-rf', '--', ...paths]), 'rm');
  }
  const { idleScripts = [] } = changes;
  if (idleScripts.length > 0) {
    const scripts = idleScripts.map((name) => `${sandboxTree}/etc/init.d/${name}`);
    const edit = ['sed', '--in-place', '/^### END INIT INFO/a exit 0 # nothing to do in a machine'];
    // Status 2: some are not there, which is as well.
    await finish(await start([...edit, ...scripts]), 'sed', [0, 2]);
  }
  const tar = await start([
    'tar',
    '--extract',
    '--file=-',
    '--numeric-owner',
    '--same-permissions',
    // Directories that a package made keep their modes; /lib may be a link into /usr.
    '--no-overwrite-dir',
    '--keep-directory-symlink',
    // Files are of the second that has begun; a remark on each would hide what went wrong.
    '--warning=no-timestamp',
    `--directory=${sandboxTree}`,
  ]);
  const { stdin } = tar;
  if (stdin === undefined) throw new Error('tar has no standard input');
  const archive = [...changes.entries.map((entry) => formatEntry(entry, mtime)), endOfArchive];
  stdin.end(Buffer.concat(archive));
  await finish(tar, 'tar');
}
