import {
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  truncate,
  writeFile,
} from 'node:fs/promises';

import { WarrenError } from '../contract/errors.ts';
import type { Paths } from '../contract/paths.ts';
import { findXattr, setXattr } from '../sys/kernel/fs.ts';
import { MNT_DETACH, mount, unmount } from '../sys/kernel/mount.ts';
import { run } from '../sys/programs/run.ts';
import { hasErrno } from '../sys/sys-error.ts';
import { layersLink } from './mounts.ts';
import { removeTree } from './trees.ts';
import type { StorageTier, TierProblem } from './types.ts';

/** Best first. */
const tiers = ['redirect', 'userxattr', 'fuse', 'copy'] as const satisfies readonly StorageTier[];

/**
 * The best tier that this host's kernel, file system and programs really do, found by doing it on a
 * throw-away tree beside the layers: version numbers say little, since distributions port features
 * back. With `wanted`, that tier or an error with what was seen.
 */
export async function detectTier(
  paths: Pick<Paths, 'layersDir' | 'mountDir'>,
  wanted?: StorageTier,
): Promise<{ readonly tier: StorageTier; readonly problems: TierProblem[] }> {
  const problems: TierProblem[] = [];
  for (const tier of wanted === undefined ? tiers : [wanted]) {
    const problem = await tryTier(paths, tier);
    if (problem === undefined) return { tier, problems };
    problems.push({ tier, problem });
  }
  throw new WarrenError('host_lacks', {
    what: `store machines in the ${wanted ?? 'copy'} way`,
    found: problems.at(-1)?.problem ?? 'it does not work',
    wanted: 'a kernel and file system that can',
    hint: 'warren doctor',
  });
}

async function tryTier(
  paths: Pick<Paths, 'layersDir' | 'mountDir'>,
  tier: StorageTier,
): Promise<string | undefined> {
  if (tier === 'copy') return undefined;
  const name = 'probe.part';
  const directory = `${paths.layersDir}/${name}`;
  const target = `${paths.mountDir}/probe`;
  await removeTree(directory);
  await mkdir(target, { recursive: true });
  let mounted = false;
  try {
    await layTree(directory);
    const link = `${layersLink(paths)}/${name}`;
    const data = tier === 'redirect' ? `::${link}/data` : '';
    const options = `upperdir=${link}/upper,workdir=${link}/work,lowerdir=${link}/lower${data}`;
    if (tier === 'fuse') {
      await run('fuse-overlayfs', ['-o', `allow_other,${options}`, target], {
        what: 'try fuse-overlayfs',
        timeoutMs: 10_000,
      });
    } else {
      const data = `userxattr,${options}`;
      mount({ source: 'overlay', target, type: 'overlay', flags: 0, data });
    }
    mounted = true;
    await useTree(target);
    if (tier === 'redirect') await expectText(`${target}/redirected`, 'data');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (mounted) unmount(target, MNT_DETACH);
    await rmdir(target);
    await removeTree(directory);
  }
}

async function layTree(directory: string): Promise<void> {
  for (const name of ['lower/merged/inner', 'upper', 'work', 'data']) {
    await mkdir(`${directory}/${name}`, { recursive: true });
  }
  await writeFile(`${directory}/lower/file`, 'lower');
  await writeFile(`${directory}/lower/merged/file`, 'lower');
  await writeFile(`${directory}/data/1`, 'data');
  await writeFile(`${directory}/lower/redirected`, '');
  await truncate(`${directory}/lower/redirected`, 4);
  try {
    setXattr(`${directory}/lower/redirected`, 'user.overlay.metacopy', Buffer.alloc(0));
    setXattr(`${directory}/lower/redirected`, 'user.overlay.redirect', Buffer.from('/1'));
  } catch (error) {
    // A file system without user attributes fails at the mount or in use, with its own words.
    if (!hasErrno(error, 'EOPNOTSUPP', 'EPERM')) throw error;
  }
}

/** What a machine's package manager does all day, in small. */
async function useTree(root: string): Promise<void> {
  await expectText(`${root}/file`, 'lower');
  await rm(`${root}/merged`, { recursive: true });
  await mkdir(`${root}/merged`);
  const left = await readdir(`${root}/merged`);
  if (left.length > 0) throw new Error('a removed directory shows its old content again');
  await writeFile(`${root}/file`, 'upper');
  await rename(`${root}/file`, `${root}/renamed`);
  await expectText(`${root}/renamed`, 'upper');
  await writeFile(`${root}/new`, 'new');
  await chown(`${root}/new`, 1, 1);
  setXattr(`${root}/new`, 'user.probe', Buffer.from('1'));
  if (findXattr(`${root}/new`, 'user.probe')?.toString() !== '1') {
    throw new Error('an extended attribute is lost');
  }
  await rm(`${root}/renamed`);
  if ((await readdir(root)).includes('file')) throw new Error('a renamed file is still there');
}

async function expectText(path: string, wanted: string): Promise<void> {
  const found = await readFile(path, 'utf8');
  if (found !== wanted) throw new Error(`a file reads "${found}", wanted "${wanted}"`);
}
