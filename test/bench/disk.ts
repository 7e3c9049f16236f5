import { spawnSync } from 'node:child_process';

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
