import { closeSync, openSync, readSync } from 'node:fs';

import { findProgram, missing, ok, type Check } from './check.ts';

const needed: Readonly<Record<string, { readonly what: string; readonly package: string }>> = {
  mmdebstrap: { what: 'Debian and Ubuntu images', package: 'mmdebstrap' },
  tar: { what: 'importing images', package: 'tar' },
  xz: { what: 'importing .tar.xz images', package: 'xz-utils' },
  zstd: { what: 'importing .tar.zst images', package: 'zstd' },
};

/** What images are made and unpacked with. */
export const checkImages: Check = () => {
  const lacking = Object.entries(needed)
    .filter(([name]) => findProgram(name) === undefined)
    .map(([name, { what, package: from }]) => ({ name, what, from }));
  const busybox = findProgram('busybox');
  if (busybox === undefined || !isStatic(busybox)) {
    lacking.push({ name: 'a static busybox', what: 'the busybox image', from: 'busybox-static' });
  }
  if (lacking.length === 0) return ok('images: mmdebstrap, busybox, tar, xz, zstd');
  const clauses = lacking.map(({ name, what }) => `${name} for ${what}`);
  return missing(
    `not installed: ${clauses.join(', ')}`,
    `sudo apt install ${lacking.map(({ from }) => from).join(' ')}`,
  );
};

/** A dynamic program names its interpreter near its beginning (`PT_INTERP`). */
function isStatic(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(4096);
    readSync(fd, head, 0, head.length, 0);
    return !/\/lib\S*\/ld[-\w.]*\.so/.test(head.toString('latin1'));
  } finally {
    closeSync(fd);
  }
}
