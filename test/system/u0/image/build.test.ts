import { existsSync, lstatSync, readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { hostPath } from '../../../../src/base/brand.ts';
import type { ImageRecipe } from '../../../../src/image/types.ts';
import { needs } from '../../../helpers/needs.ts';
import { describeTree } from '../storage/ground.ts';
import { failure, makeGround, slice, type Ground } from './ground.ts';

let ground: Ground;

beforeEach(() => {
  ground = makeGround();
});

afterEach(() => {
  ground.remove();
});

function recipeOf(alias: string): ImageRecipe {
  const recipe = ground.images.findRecipe(alias);
  if (recipe === undefined) throw new Error(`no recipe ${alias}`);
  return recipe;
}

/** What below it belongs to an id outside of the slice. */
function strangers(target: string): string {
  const last = String(slice.start + slice.size - 1);
  const below = String(slice.start);
  // prettier-ignore
  const outside = ['-uid', `-${below}`, '-o', '-uid', `+${last}`, '-o', '-gid', `-${below}`, '-o', '-gid', `+${last}`];
  return ground.run('find', target, ...outside);
}

describe('busybox', () => {
  it('is a small whole system, and its file unpacks to the same', async () => {
    const target = ground.target();
    const file = hostPath(`${ground.base}/image`);
    const built = await ground.images.build(
      recipeOf('busybox/amd64'),
      target,
      file,
      slice,
      ground.context,
    );
    expect(built.sizeBytes).toBeLessThan(4 * 1024 * 1024);
    expect(built.metadata).toMatchObject({
      architecture: 'x86_64',
      properties: { os: 'BusyBox', name: 'busybox' },
    });
    expect(readlinkSync(`${target}/sbin/init`)).toBe('/bin/busybox');
    expect(statSync(`${target}/bin/busybox`).mode & 0o7777).toBe(0o755);
    expect(readFileSync(`${target}/etc/shadow`, 'utf8')).toMatch(/^root:\*:/);
    expect(lstatSync(`${target}/tmp`).mode & 0o7777).toBe(0o1777);
    expect(existsSync(`${target}/etc/hostname`)).toBe(false);
    expect(strangers(target)).toBe('');

    expect(await ground.images.inspect({ metadata: file }, ground.context)).toEqual(built);
    const copy = ground.target();
    await ground.images.unpack({ metadata: file }, copy, slice, ground.context);
    expect(describeTree(copy, slice.start).slice(1)).toEqual(
      describeTree(target, slice.start).slice(1),
    );
  });

  it('says so when the disk is full, whatever else there is to say', async () => {
    const target = ground.target();
    const options = `size=1m,uid=${slice.start},gid=${slice.start}`;
    ground.run('mount', '-t', 'tmpfs', '-o', options, 'none', target);
    try {
      const file = hostPath(`${ground.base}/image`);
      const built = ground.images.build(
        recipeOf('busybox/amd64'),
        target,
        file,
        slice,
        ground.context,
      );
      expect((await failure(built)).code).toBe('no_space');
    } finally {
      ground.run('umount', target);
    }
  });
});

describe('debian/12/minimal', () => {
  needs('mirror')(
    'is installed by the slice’s root, without identities, and reports how far it is',
    async () => {
      const target = ground.target();
      const file = hostPath(`${ground.base}/image`);
      const recipe = recipeOf('debian/bookworm/minimal');
      const built = await ground.images.build(recipe, target, file, slice, ground.context);
      expect(built.metadata.properties).toMatchObject({ os: 'Debian', release: 'bookworm' });

      const read = (path: string): string => readFileSync(`${target}/${path}`, 'utf8');
      expect(read('etc/debian_version')).toMatch(/^12/);
      expect(read('etc/machine-id')).toBe('');
      for (const gone of ['etc/hostname', 'var/lib/dbus/machine-id', 'var/log/dpkg.log']) {
        expect(existsSync(`${target}/${gone}`)).toBe(false);
      }
      expect(readdirSync(`${target}/etc`).filter((name) => name === 'ssh')).toEqual([]);
      expect(readlinkSync(`${target}/sbin/init`)).toMatch(/systemd$/);
      expect(readlinkSync(`${target}/etc/systemd/system/sys-kernel-debug.mount`)).toBe('/dev/null');
      expect(readlinkSync(`${target}/etc/resolv.conf`)).toContain('stub-resolv.conf');
      expect(read('etc/apt/sources.list')).toMatch(/^deb https?:\/\/\S+ bookworm main$/m);
      expect(read('etc/shadow')).toMatch(/^root:\*:/m);
      for (const name of recipe.packages) {
        expect(read('var/lib/dpkg/status')).toContain(`Package: ${name}\n`);
      }
      expect(strangers(target)).toBe('');
      expect(statSync(`${target}/usr/bin/su`).mode & 0o7777).toBe(0o4755);

      const percents = ground.reports.map(({ percent }) => percent ?? -1);
      expect(percents).toEqual([...percents].sort((a, b) => a - b));
      expect(new Set(percents).size).toBeGreaterThan(20);
      expect(percents.at(-1)).toBe(100);
    },
    900_000,
  );

  needs('mirror')('stops when cancelled and leaves nobody running', async () => {
    const stop = new AbortController();
    const context = { signal: stop.signal, progress: () => undefined };
    const file = hostPath(`${ground.base}/image`);
    const recipe = recipeOf('debian/12/minimal');
    const work = failure(ground.images.build(recipe, ground.target(), file, slice, context));
    await sleep(3000);
    stop.abort();
    expect((await work).code).toBe('cancelled');
    expect(existsSync(file)).toBe(false);
  });
});
