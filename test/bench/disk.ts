import { spawnSync } from 'node:child_process';
import { readdirSync, readlinkSync, statfsSync, statSync } from 'node:fs';
import { basename } from 'node:path';

/** Blocks below a directory in bytes, each inode once, other file systems left out (man 1 du). */
export function diskUsage(directory: string): number {
  const command = ['du', '--summarize', '--one-file-system', '--block-size=1', directory];
  const isRoot = process.getuid?.() === 0;
  const argv = isRoot
    ? command
    : ['unshare', '--user', '--map-root-user', '--map-auto', ...command];
  const { stdout } = spawnSync(argv[0] ?? '', argv.slice(1), { encoding: 'utf8' });
  const bytes = Number.parseInt(stdout, 10);
  if (Number.isNaN(bytes)) throw new Error(`du of ${directory} gave nothing`);
  return bytes;
}

/**
 * Whether a directory lies on an ext4 without a journal. Such a one gives out no inode that was
 * removed within minutes, and to find others it reads the tables of all that were (Linux,
 * fs/ext4/ialloc.c).
 */
export function lacksJournal(directory: string): boolean {
  // EXT4_SUPER_MAGIC (man 2 statfs).
  if (statfsSync(directory).type !== 0xef53) return false;
  const { dev } = statSync(directory);
  // The kernel's encoding of a device number in 32 bits (linux/kdev_t.h, new_encode_dev).
  const [major, minor] = [(dev >> 8) & 0xfff, (dev & 0xff) | ((dev >> 12) & 0xfff00)];
  const device = basename(readlinkSync(`/sys/dev/block/${major}:${minor}`));
  return !readdirSync('/proc/fs/jbd2').some((journal) => journal.startsWith(`${device}-`));
}
