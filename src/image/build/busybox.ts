import { readFile } from 'node:fs/promises';

import { WarrenError } from '../../contract/errors.ts';
import { run } from '../../sys/programs/run.ts';
import { hasErrno } from '../../sys/sys-error.ts';
import { busyboxChanges } from '../recipes/guest/busybox.ts';
import type { GuestChanges } from '../recipes/guest/entries.ts';

const what = 'build busybox';
const candidates = ['/usr/bin/busybox', '/bin/busybox', '/usr/bin/busybox.static'];

/** The host's static busybox and the links to it. Throws `host_lacks` when there is none. */
export async function planBusybox(signal: AbortSignal): Promise<GuestChanges> {
  for (const path of candidates) {
    const binary = await readFile(path).catch((error: unknown) => {
      if (hasErrno(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (binary === undefined || !isStaticElf(binary)) continue;
    const { stdout } = await run(path, ['--list-full'], { what, signal });
    return busyboxChanges(
      binary,
      stdout.split('\n').filter((line) => line !== ''),
    );
  }
  throw new WarrenError('host_lacks', {
    what,
    found: 'there is no static busybox',
    wanted: 'the package busybox-static',
    hint: 'sudo apt install busybox-static',
  });
}

/** An ELF without a PT_INTERP segment needs no loader and no library (`man 5 elf`). */
export function isStaticElf(binary: Buffer): boolean {
  if (binary.length < 64 || binary.readUInt32BE(0) !== 0x7f454c46) return false;
  const is64 = binary[4] === 2;
  const isLittle = binary[5] === 1;
  if (!isLittle) return false;
  const offset = is64 ? Number(binary.readBigUInt64LE(32)) : binary.readUInt32LE(28);
  const entrySize = binary.readUInt16LE(is64 ? 54 : 42);
  const count = binary.readUInt16LE(is64 ? 56 : 44);
  for (let index = 0; index < count; index++) {
    const at = offset + index * entrySize;
    if (at + 4 > binary.length || binary.readUInt32LE(at) === 3) return false;
  }
  return true;
}
